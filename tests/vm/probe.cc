// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What vm_test runs on the emulated machine, to see how it looks from inside:
//   exit N           exits with status N
//   die N            is ended by signal N
//   bytes N          writes N bytes, all 256 values in turn, to stdout, and
//                    their complements to stderr
//   order N          writes N lines, stdout and stderr in turn
//   orphan           exits while a child keeps stdout open
//   arguments ...    its further arguments, each followed by a NUL byte
//   variable NAME    the value of an environment variable
//   keys             how many protection keys can be had
//   machine          kernel release, working directory, uid, host name
//   loopback         sends a byte to itself over 127.0.0.1
//   write PATH TEXT  writes TEXT to the file PATH
//   read PATH        writes the file PATH to stdout
//   random           16 bytes from the kernel
//   time             the seconds since 1970
//   panic            makes the kernel panic
//   hang             says so, and then sleeps for ever

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

using Arguments = std::vector<std::string>;

[[noreturn]] void Die(const char* what) {
  perror(what);
  exit(99);
}

int Exit(const Arguments& arguments) { return std::stoi(arguments.at(0)); }

int DieOfSignal(const Arguments& arguments) {
  raise(std::stoi(arguments.at(0)));
  return 98;
}

int Bytes(const Arguments& arguments) {
  std::string bytes(std::stoul(arguments.at(0)), '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
  std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  for (char& byte : bytes) byte = static_cast<char>(~byte);
  std::cerr.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return 0;
}

int Order(const Arguments& arguments) {
  int count = std::stoi(arguments.at(0));
  for (int i = 0; i < count; ++i) {
    (i % 2 == 0 ? std::cout : std::cerr) << i << std::endl;
  }
  return 0;
}

int Orphan(const Arguments&) {
  if (fork() == 0) {
    for (;;) pause();
  }
  std::cout << "left" << std::endl;
  return 0;
}

int PrintArguments(const Arguments& arguments) {
  for (const std::string& argument : arguments) std::cout << argument << '\0';
  return 0;
}

int Variable(const Arguments& arguments) {
  const char* value = getenv(arguments.at(0).c_str());
  if (value == nullptr) return 1;
  std::cout << value;
  return 0;
}

int Keys(const Arguments&) {
  int count = 0;
  while (pkey_alloc(0, 0) >= 0) ++count;
  std::cout << count << "\n";
  return 0;
}

int Machine(const Arguments&) {
  struct utsname system;
  if (uname(&system) != 0) Die("uname");
  char* directory = getcwd(nullptr, 0);
  std::cout << system.release << "\n"
            << directory << "\n"
            << getuid() << "\n"
            << system.nodename << "\n";
  free(directory);
  return 0;
}

int Loopback(const Arguments&) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<struct sockaddr*>(&address);
  if (bind(listener, generic, size) != 0) Die("bind");
  if (listen(listener, 1) != 0) Die("listen");
  if (getsockname(listener, generic, &size) != 0) Die("getsockname");
  int sender = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(sender, generic, size) != 0) Die("connect");
  int receiver = accept(listener, nullptr, nullptr);
  char byte = 'b';
  if (write(sender, &byte, 1) != 1) Die("write");
  byte = '\0';
  if (read(receiver, &byte, 1) != 1) Die("read");
  std::cout << byte;
  return 0;
}

int Write(const Arguments& arguments) {
  std::ofstream file(arguments.at(0), std::ios::binary);
  file << arguments.at(1);
  return file.flush() ? 0 : 1;
}

int Read(const Arguments& arguments) {
  std::ifstream file(arguments.at(0), std::ios::binary);
  std::cout << file.rdbuf();
  return file ? 0 : 1;
}

int Random(const Arguments&) {
  char bytes[16];
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) Die("getrandom");
  std::cout.write(bytes, sizeof(bytes));
  return 0;
}

int Time(const Arguments&) {
  std::cout << time(nullptr) << "\n";
  return 0;
}

int Panic(const Arguments&) {
  std::ofstream("/proc/sysrq-trigger") << "c" << std::flush;
  return 1;
}

int Hang(const Arguments&) {
  std::cout << "hanging" << std::endl;
  for (;;) pause();
}

struct Command {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"exit", Exit},         {"die", DieOfSignal}, {"bytes", Bytes},
    {"order", Order},       {"orphan", Orphan},   {"arguments", PrintArguments},
    {"variable", Variable}, {"keys", Keys},       {"machine", Machine},
    {"loopback", Loopback}, {"write", Write},     {"read", Read},
    {"random", Random},     {"time", Time},       {"panic", Panic},
    {"hang", Hang},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  for (const Command& command : kCommands) {
    if (strcmp(argv[1], command.name) == 0) {
      return command.run(Arguments(argv + 2, argv + argc));
    }
  }
  std::cerr << "probe: no command " << argv[1] << "\n";
  return 2;
}
