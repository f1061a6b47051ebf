// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_tls/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

namespace bulkhead::vault_tls {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::minutes(3);
constexpr char kProgram[] = "/usr/sbin/nginx";

void Require(bool condition, const char* what) {
  if (condition) return;
  perror(what);
  abort();
}

// A socket that listens on a free port of this machine, and outlives exec.
int Listen(uint16_t* port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  Require(bind(listener, any, size) == 0 && listen(listener, 64) == 0 &&
              getsockname(listener, any, &size) == 0,
          "listening");
  *port = ntohs(address.sin_port);
  return listener;
}

std::vector<pid_t> ChildrenOf(pid_t process) {
  const std::string number = std::to_string(process);
  std::istringstream text(
      ReadFile("/proc/" + number + "/task/" + number + "/children"));
  std::vector<pid_t> children;
  for (pid_t child; text >> child;) children.push_back(child);
  return children;
}

bool HasStopped(pid_t process) {
  const std::string text =
      ReadFile("/proc/" + std::to_string(process) + "/stat");
  const size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.compare(name_end, 3, ") T") == 0;
}

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  Require(file.flush().good(), path.c_str());
}

Server::Server(std::string directory, std::string certificate_file,
               std::string key_file)
    : directory_(std::move(directory)),
      certificate_file_(std::move(certificate_file)),
      key_file_(std::move(key_file)) {}

Server::~Server() {
  if (master_ <= 0) return;
  kill(-master_, SIGKILL);
  waitpid(master_, nullptr, 0);
}

void Server::WriteConfiguration() const {
  std::ostringstream text;
  text << "daemon off;\n"
       << (geteuid() == 0 ? "user root root;\n" : "") << "worker_processes "
       << kWorkers << ";\n"
       << "pid " << directory_ << "/nginx.pid;\n"
       << "error_log " << directory_ << "/error.log notice;\n"
       << "events { worker_connections 64; }\n"
       << "http {\n"
       << "  access_log off;\n";
  for (const char* kind :
       {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text << "  " << kind << "_temp_path " << directory_ << "/" << kind << ";\n";
  }
  text << "  ssl_protocols TLSv1.2 TLSv1.3;\n"
       << "  ssl_session_cache off;\n"
       << "  ssl_session_tickets off;\n"
       << "  server {\n"
       << "    listen 127.0.0.1:" << port_ << " ssl;\n"
       << "    ssl_certificate " << certificate_file_ << ";\n"
       << "    ssl_certificate_key " << key_file_ << ";\n"
       << "    location / { return 200 \"$pid\"; }\n"
       << "  }\n"
       << "}\n";
  WriteFile(directory_ + "/nginx.conf", text.str());
}

void Server::Start(const std::map<std::string, std::string>& environment) {
  const int listener = Listen(&port_);
  WriteConfiguration();
  const std::string configuration = directory_ + "/nginx.conf";
  const std::string output = directory_ + "/output";
  master_ = fork();
  if (master_ == 0) {
    setsid();
    const int out =
        open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    clearenv();
    for (const auto& [name, value] : environment) {
      setenv(name.c_str(), value.c_str(), 1);
    }
    // How nginx itself hands its sockets to its successor.
    setenv("NGINX", (std::to_string(listener) + ";").c_str(), 1);
    execl(kProgram, kProgram, "-p", directory_.c_str(), "-e",
          (directory_ + "/error.log").c_str(), "-c", configuration.c_str(),
          nullptr);
    _exit(127);
  }
  Require(master_ > 0, "fork");
  close(listener);
}

std::vector<pid_t> Server::AwaitWorkers(
    const std::vector<pid_t>& others) const {
  const auto deadline = Clock::now() + kPatience;
  while (Clock::now() < deadline) {
    const std::vector<pid_t> workers = ChildrenOf(master_);
    const bool fresh =
        std::none_of(workers.begin(), workers.end(), [&others](pid_t worker) {
          return std::count(others.begin(), others.end(), worker) > 0;
        });
    if (workers.size() == kWorkers && fresh) return workers;
    siginfo_t ended = {};
    if (waitid(P_PID, static_cast<id_t>(master_), &ended,
               WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != 0) {
      break;
    }
    sched_yield();
  }
  return {};
}

void Server::Reload() { kill(master_, SIGHUP); }

int Server::Stop() {
  kill(master_, SIGQUIT);
  int status = -1;
  waitpid(master_, &status, 0);
  master_ = -1;
  return status;
}

std::string Server::Output() const { return ReadFile(directory_ + "/output"); }
std::string Server::Log() const { return ReadFile(directory_ + "/error.log"); }

Stopped::Stopped(pid_t process) : process_(process) {
  kill(process_, SIGSTOP);
  while (!HasStopped(process_) && kill(process_, 0) == 0) sched_yield();
}

Stopped::~Stopped() { kill(process_, SIGCONT); }

}  // namespace bulkhead::vault_tls
