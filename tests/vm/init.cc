// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The first process of the emulated machine. It builds the root file system,
// runs one program and sends what the program wrote, the files it left and its
// wait status to the host, as frames on one port (the format: machine.py).
//
// It is told what to do by /.vm/config, a sequence of NUL-terminated
// "name=value" strings, in which order matters only among equal names:
//   port=PATH      the character device that carries the frames
//   module=PATH    a kernel module to load, dependencies first
//   base=DEVICE    a squashfs of packages to lay under the program's files
//   cwd=PATH       the program's working directory
//   program=PATH   the program
//   arg=STRING     its argv, from argv[0] on
//   env=NAME=VALUE the program's whole environment
//   back=PATH      a file or directory to send to the host at the end
//   merge=yes      stdout and stderr are one stream, as they are on the host
//
// Failures of its own are sent as a frame of type 'L'; the host then reports
// that the machine gave no status.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace {

constexpr char kConfigPath[] = "/.vm/config";
constexpr char kProgramFiles[] = "/.vm/root";
constexpr char kPackages[] = "/.vm/base";
constexpr char kWritable[] = "/.vm/writable";
constexpr char kNewRoot[] = "/.vm/new";
constexpr size_t kChunk = 64 * 1024;

struct Config {
  std::string port;
  std::string base;
  std::string cwd = "/";
  std::string program;
  bool merge = false;
  std::vector<std::string> modules;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::vector<std::string> back;
};

// The port, once it is open.
int g_port = -1;

bool WriteAll(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t done = write(fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

// The emulator is told to take a restart as its end.
[[noreturn]] void EndMachine() {
  reboot(RB_AUTOBOOT);
  _exit(1);
}

void Send(char type, const void* data, size_t size) {
  char header[5] = {type};
  uint32_t length = static_cast<uint32_t>(size);
  memcpy(header + 1, &length, sizeof(length));
  if (!WriteAll(g_port, header, sizeof(header)) ||
      !WriteAll(g_port, data, size)) {
    EndMachine();
  }
}

void Send(char type, const std::string& text) {
  Send(type, text.data(), text.size());
}

[[noreturn]] void Fail(const std::string& what) {
  std::string message = what + ": " + strerror(errno);
  fprintf(stderr, "vm: %s\n", message.c_str());
  if (g_port >= 0) Send('L', message);
  EndMachine();
}

void Check(bool ok, const std::string& what) {
  if (!ok) Fail(what);
}

Config ReadConfig() {
  int fd = open(kConfigPath, O_RDONLY | O_CLOEXEC);
  Check(fd >= 0, kConfigPath);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(fd);

  Config config;
  for (size_t at = 0; at < text.size();) {
    std::string line(text.c_str() + at);
    at += line.size() + 1;
    size_t equals = line.find('=');
    std::string name = line.substr(0, equals);
    std::string value = line.substr(equals + 1);
    if (name == "port") {
      config.port = value;
    } else if (name == "base") {
      config.base = value;
    } else if (name == "cwd") {
      config.cwd = value;
    } else if (name == "program") {
      config.program = value;
    } else if (name == "merge") {
      config.merge = value == "yes";
    } else if (name == "module") {
      config.modules.push_back(value);
    } else if (name == "arg") {
      config.args.push_back(value);
    } else if (name == "env") {
      config.env.push_back(value);
    } else if (name == "back") {
      config.back.push_back(value);
    } else {
      errno = EINVAL;
      Fail("config: unknown name '" + name + "'");
    }
  }
  return config;
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

void LoadModule(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Check(fd >= 0, path);
  Check(syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST,
        "load module " + path);
  close(fd);
}

// A device of a driver that probes in the background appears some time after
// the driver. The kernel announces each one on a netlink socket, but devtmpfs
// has no notification that can be waited on before the socket exists, so this
// asks again, for at most half a minute.
int OpenDevice(const std::string& path, int flags) {
  for (int tries = 0; tries < 3000; ++tries) {
    int fd = open(path.c_str(), flags | O_CLOEXEC);
    if (fd >= 0 || (errno != ENOENT && errno != ENXIO && errno != ENODEV)) {
      return fd;
    }
    poll(nullptr, 0, 10);
  }
  return -1;
}

void OpenPort(const std::string& path) {
  int fd = OpenDevice(path, O_WRONLY | O_NOCTTY);
  Check(fd >= 0, path);
  struct termios mode;
  if (tcgetattr(fd, &mode) == 0) {
    cfmakeraw(&mode);
    mode.c_cflag |= CLOCAL;
    Check(tcsetattr(fd, TCSANOW, &mode) == 0, "raw mode of " + path);
  }
  g_port = fd;
}

void MountKernelFileSystems() {
  Mount("proc", "/proc", "proc", 0, nullptr);
  Mount("sysfs", "/sys", "sysfs", 0, nullptr);
  Mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
}

// The program's files over its packages, with a memory file system for writes;
// or, without packages, the program's files alone.
void MountNewRoot(const Config& config) {
  if (config.base.empty()) {
    Mount(kProgramFiles, kNewRoot, nullptr, MS_BIND, nullptr);
    return;
  }
  int device = OpenDevice(config.base, O_RDONLY);
  Check(device >= 0, config.base);
  close(device);
  Mount(config.base.c_str(), kPackages, "squashfs", MS_RDONLY, nullptr);
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

[[noreturn]] void Execute(const Config& config, const sigset_t& signals,
                          int out, int err) {
  setsid();
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, 0);
  dup2(out, 1);
  dup2(err, 2);
  if (chdir(config.cwd.c_str()) != 0) {
    dprintf(2, "vm: %s: %s\n", config.cwd.c_str(), strerror(errno));
    _exit(126);
  }
  std::vector<char*> args = Pointers(config.args);
  std::vector<char*> env = Pointers(config.env);
  execve(config.program.c_str(), args.data(), env.data());
  int error = errno;
  dprintf(2, "vm: %s: %s\n", config.program.c_str(), strerror(error));
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
      Send(stream.type, buffer, static_cast<size_t>(got));
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

int RunProgram(const Config& config) {
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
    Execute(config, before, out[1], config.merge ? out[1] : err[1]);
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
    Send('F', path);
    Check(!Forward({fd, 'f'}), path);
    close(fd);
  }
}

}  // namespace

int main() {
  MountKernelFileSystems();
  Config config = ReadConfig();
  for (const std::string& module : config.modules) LoadModule(module);
  OpenPort(config.port);
  MountNewRoot(config);
  EnterNewRoot();
  MakeUsable();
  struct utsname system;
  Check(uname(&system) == 0, "uname");
  Send('I', std::string(system.release));

  int status = RunProgram(config);
  kill(-1, SIGKILL);
  for (const std::string& path : config.back) SendBack(path);
  Send('X', &status, sizeof(status));
  tcdrain(g_port);
  EndMachine();
}
