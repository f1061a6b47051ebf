// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests: Debian's nginx with a configuration of its own.

#ifndef DOCS_EXAMPLES_VAULT_TLS_SERVER_H_
#define DOCS_EXAMPLES_VAULT_TLS_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bulkhead::vault_tls {

class Server {
 public:
  static constexpr size_t kWorkers = 2;

  // Files of the server go to `directory`, which exists.
  Server(std::string directory, std::string certificate_file,
         std::string key_file);
  // Ends it, if Stop() has not.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Starts the server with these variables in its environment. It has the
  // listening socket from us, so that connections can be made at once.
  void Start(const std::map<std::string, std::string>& environment);

  uint16_t port() const { return port_; }
  pid_t master() const { return master_; }

  // Waits until the server has that many workers, none of which is among
  // `others`. Empty where it ends instead, or after some minutes.
  std::vector<pid_t> AwaitWorkers(const std::vector<pid_t>& others = {}) const;

  // Has it read its configuration again.
  void Reload();

  // Asks it to end and waits; returns what waitpid() says.
  int Stop();

  // What it wrote to its output and to its log.
  std::string Output() const;
  std::string Log() const;

 private:
  void WriteConfiguration() const;

  const std::string directory_;
  const std::string certificate_file_;
  const std::string key_file_;
  uint16_t port_ = 0;
  pid_t master_ = -1;
};

// Stops a process, by SIGSTOP, for as long as the object lives.
class Stopped {
 public:
  // Returns when it has stopped.
  explicit Stopped(pid_t process);
  ~Stopped();
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  const pid_t process_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_SERVER_H_
