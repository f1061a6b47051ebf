// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The first process of the emulated machine. It says that the machine is ready
// and waits; the machine's state is saved then, and every run continues from
// there. A run's program, with all the files that it needs, lies on the first
// disk. This process unpacks it, starts it, and sends what it wrote, the files
// that it left and its wait status to the host, as frames on one port (the
// format: machine.py).
//
// The disk holds first the settings, each a NUL-terminated "name=value", and an
// empty one for their end:
//   time=SECONDS   the time of day
//   entropy=TEXT   what no other run has
//   packages=yes   the second disk is a squashfs to lay under the program's
//                  files
//   cwd=PATH       the program's working directory
//   program=PATH   the program
//   arg=STRING     its argv, from argv[0] on
//   env=NAME=VALUE its whole environment
//   back=PATH      a file or directory to send to the host at the end
//   merge=yes      stdout and stderr are one stream, as they are on the host
// and then the files (the format: files.py).
//
// Failures of its own are sent as a frame of type 'L'; the host then reports
// that the machine gave no status.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/vm/disk.h"
#include "tests/vm/frames.h"

namespace bulkhead {
namespace {

constexpr char kModules[] = "/.vm/modules";
constexpr char kPort[] = "/dev/vport0p1";
constexpr char kProgramDisk[] = "/dev/vda";
constexpr char kPackagesDisk[] = "/dev/vdb";
constexpr char kProgramFiles[] = "/.vm/root";
constexpr char kPackages[] = "/.vm/base";
constexpr char kWritable[] = "/.vm/writable";
constexpr char kNewRoot[] = "/.vm/new";
constexpr size_t kChunk = 64 * 1024;

struct Settings {
  time_t time = 0;
  std::string entropy;
  bool packages = false;
  std::string cwd = "/";
  std::string program;
  bool merge = false;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::vector<std::string> back;
};

Settings ReadSettings(Disk& disk) {
  Settings settings;
  for (std::string line; !(line = disk.String()).empty();) {
    size_t equals = line.find('=');
    std::string name = line.substr(0, equals);
    std::string value = line.substr(equals + 1);
    if (name == "time") {
      settings.time = atoll(value.c_str());
    } else if (name == "entropy") {
      settings.entropy = value;
    } else if (name == "packages") {
      settings.packages = value == "yes";
    } else if (name == "cwd") {
      settings.cwd = value;
    } else if (name == "program") {
      settings.program = value;
    } else if (name == "merge") {
      settings.merge = value == "yes";
    } else if (name == "arg") {
      settings.args.push_back(value);
    } else if (name == "env") {
      settings.env.push_back(value);
    } else if (name == "back") {
      settings.back.push_back(value);
    } else {
      errno = EINVAL;
      Fail("setting '" + name + "'");
    }
  }
  return settings;
}

void MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), 0755);
  }
  Check(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST, path);
}

void Mount(const char* source, const std::string& target, const char* type,
           unsigned long flags, const char* options) {
  MakeDirectories(target);
  Check(mount(source, target.c_str(), type, flags, options) == 0,
        "mount " + target);
}

// The modules are named so that each comes after those that it needs.
void LoadModules() {
  struct dirent** names;
  int count = scandir(kModules, &names, nullptr, alphasort);
  Check(count >= 0, kModules);
  for (int i = 0; i < count; ++i) {
    std::string path = std::string(kModules) + "/" + names[i]->d_name;
    free(names[i]);
    if (path.back() == '.') continue;
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Check(fd >= 0, path);
    Check(syscall(SYS_finit_module, fd, "", 0) == 0, "load " + path);
    close(fd);
  }
  free(names);
}

// A driver may find its devices some time after it was loaded, and nothing in
// devtmpfs tells when. This asks again, for at most half a minute.
int OpenDevice(const char* path, int flags) {
  for (int tries = 0; tries < 3000; ++tries) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd >= 0 || (errno != ENOENT && errno != ENXIO && errno != ENODEV)) {
      return fd;
    }
    poll(nullptr, 0, 10);
  }
  return -1;
}

// Returns in the run that continues from the saved state.
void WaitForRun() {
  for (const char* path : {kProgramDisk, kPackagesDisk}) {
    int fd = OpenDevice(path, O_RDONLY);
    Check(fd >= 0, path);
    close(fd);
  }
  frame_port = OpenDevice(kPort, O_RDWR | O_NOCTTY);
  Check(frame_port >= 0, kPort);
  struct utsname system;
  Check(uname(&system) == 0, "uname");
  SendFrame('R', std::string(system.release));
  char go;
  ssize_t got;
  while ((got = read(frame_port, &go, 1)) != 1) {
    // No host at the other end reads as an end of file.
    if (got < 0 && errno != EINTR) Fail(kPort);
    struct pollfd wait = {frame_port, POLLIN, 0};
    poll(&wait, 1, 100);
  }
}

// What the saved state has the same in each run, and must not.
void MakeUnique(const Settings& settings) {
  struct timespec now = {settings.time, 0};
  Check(clock_settime(CLOCK_REALTIME, &now) == 0, "clock_settime");
  std::string pool(sizeof(struct rand_pool_info) + settings.entropy.size(), 0);
  auto* info = reinterpret_cast<struct rand_pool_info*>(&pool[0]);
  info->entropy_count = static_cast<int>(settings.entropy.size()) * 4;
  info->buf_size = static_cast<int>(settings.entropy.size());
  memcpy(info->buf, settings.entropy.data(), settings.entropy.size());
  int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  Check(fd >= 0, "/dev/urandom");
  Check(ioctl(fd, RNDADDENTROPY, info) == 0, "RNDADDENTROPY");
  Check(ioctl(fd, RNDRESEEDCRNG) == 0, "RNDRESEEDCRNG");
  close(fd);
}

void MountKernelFileSystems() {
  Mount("proc", "/proc", "proc", 0, nullptr);
  Mount("sysfs", "/sys", "sysfs", 0, nullptr);
  Mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
}

// The program's files over its packages, with a memory file system for writes;
// or, without packages, the program's files alone.
void MountNewRoot(bool packages) {
  if (!packages) {
    Mount(kProgramFiles, kNewRoot, nullptr, MS_BIND, nullptr);
    return;
  }
  Mount(kPackagesDisk, kPackages, "squashfs", MS_RDONLY, nullptr);
  Mount("tmpfs", kWritable, "tmpfs", 0, "size=75%");
  std::string upper = std::string(kWritable) + "/upper";
  std::string work = std::string(kWritable) + "/work";
  MakeDirectories(upper);
  MakeDirectories(work);
  std::string options = std::string("lowerdir=") + kProgramFiles + ":" +
                        kPackages + ",upperdir=" + upper + ",workdir=" + work;
  Mount("overlay", kNewRoot, "overlay", 0, options.c_str());
}

void EnterNewRoot() {
  for (const char* name : {"/proc", "/sys", "/dev"}) {
    std::string target = std::string(kNewRoot) + name;
    MakeDirectories(target);
    Check(mount(name, target.c_str(), nullptr, MS_MOVE, nullptr) == 0,
          "move " + target);
  }
  Check(chdir(kNewRoot) == 0, kNewRoot);
  Check(mount(".", "/", nullptr, MS_MOVE, nullptr) == 0, "move the root");
  Check(chroot(".") == 0, "chroot");
  Check(chdir("/") == 0, "/");
}

void MakeUsable() {
  Mount("devpts", "/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666");
  Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
  Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr);
  Check(symlink("/proc/self/fd", "/dev/fd") == 0, "/dev/fd");
  Check(symlink("/proc/self/fd/0", "/dev/stdin") == 0, "/dev/stdin");
  Check(symlink("/proc/self/fd/1", "/dev/stdout") == 0, "/dev/stdout");
  Check(symlink("/proc/self/fd/2", "/dev/stderr") == 0, "/dev/stderr");
  for (const char* path : {"/tmp", "/var/tmp", "/run"}) MakeDirectories(path);
  Check(chmod("/tmp", 01777) == 0, "/tmp");
  Check(chmod("/var/tmp", 01777) == 0, "/var/tmp");

  constexpr char kHostName[] = "bulkhead-vm";
  Check(sethostname(kHostName, strlen(kHostName)) == 0, "sethostname");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Check(fd >= 0, "socket");
  struct ifreq loopback = {};
  strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  Check(ioctl(fd, SIOCSIFFLAGS, &loopback) == 0, "loopback");
  close(fd);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Execute(const Settings& settings, const sigset_t& signals,
                          int out, int err) {
  setsid();
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, 0);
  dup2(out, 1);
  dup2(err, 2);
  if (chdir(settings.cwd.c_str()) != 0) {
    dprintf(2, "vm: %s: %s\n", settings.cwd.c_str(), strerror(errno));
    _exit(126);
  }
  std::vector<char*> args = Pointers(settings.args);
  std::vector<char*> env = Pointers(settings.env);
  execve(settings.program.c_str(), args.data(), env.data());
  int error = errno;
  dprintf(2, "vm: %s: %s\n", settings.program.c_str(), strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

struct Stream {
  int fd;
  char type;
};

// Sends what can be read now. False at the end of the stream.
bool Forward(const Stream& stream) {
  static char buffer[kChunk];
  for (;;) {
    ssize_t got = read(stream.fd, buffer, sizeof(buffer));
    if (got > 0) {
      SendFrame(stream.type, buffer, static_cast<size_t>(got));
    } else if (got == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

// Returns the wait status of `program`. Orphans are reaped too, and do not
// hold up the end when they keep the streams open.
int Supervise(pid_t program, int signals, std::vector<Stream> streams) {
  for (;;) {
    std::vector<struct pollfd> polled = {{signals, POLLIN, 0}};
    for (const Stream& stream : streams) {
      polled.push_back({stream.fd, POLLIN, 0});
    }
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) {
      Fail("poll");
    }
    std::vector<Stream> open_streams;
    for (size_t i = 0; i < streams.size(); ++i) {
      if (polled[i + 1].revents == 0 || Forward(streams[i])) {
        open_streams.push_back(streams[i]);
      }
    }
    streams = open_streams;
    if (polled[0].revents != 0) {
      struct signalfd_siginfo info;
      Check(read(signals, &info, sizeof(info)) == sizeof(info), "signalfd");
      int status;
      for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != program) continue;
        for (const Stream& stream : streams) Forward(stream);
        return status;
      }
    }
  }
}

int RunProgram(const Settings& settings) {
  sigset_t child, before;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, &before);
  int signals = signalfd(-1, &child, SFD_CLOEXEC);
  Check(signals >= 0, "signalfd");

  int out[2], err[2];
  Check(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe");
  pid_t program = fork();
  Check(program >= 0, "fork");
  if (program == 0) {
    Execute(settings, before, out[1], settings.merge ? out[1] : err[1]);
  }
  close(out[1]);
  close(err[1]);
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(err[0], F_SETFL, O_NONBLOCK);
  return Supervise(program, signals, {{out[0], 'o'}, {err[0], 'e'}});
}

void SendBack(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return;
  if (S_ISDIR(info.st_mode)) {
    DIR* directory = opendir(path.c_str());
    Check(directory != nullptr, path);
    while (struct dirent* entry = readdir(directory)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") SendBack(path + "/" + name);
    }
    closedir(directory);
  } else if (S_ISREG(info.st_mode)) {
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Check(fd >= 0, path);
    SendFrame('F', path);
    Check(!Forward({fd, 'f'}), path);
    close(fd);
  }
}

[[noreturn]] void Run() {
  MountKernelFileSystems();
  LoadModules();
  WaitForRun();

  auto disk = std::make_unique<Disk>(kProgramDisk);
  Settings settings = ReadSettings(*disk);
  MakeUnique(settings);
  Mount("tmpfs", kProgramFiles, "tmpfs", 0, "size=75%,mode=755");
  Unpack(*disk, kProgramFiles);
  disk.reset();
  MountNewRoot(settings.packages);
  EnterNewRoot();
  MakeUsable();
  SendFrame('S', nullptr, 0);

  int status = RunProgram(settings);
  kill(-1, SIGKILL);
  for (const std::string& path : settings.back) SendBack(path);
  SendFrame('X', &status, sizeof(status));
  EndMachine();
}

}  // namespace
}  // namespace bulkhead

int main() { bulkhead::Run(); }
