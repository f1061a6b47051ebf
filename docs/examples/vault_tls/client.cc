// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_tls/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bulkhead::vault_tls {
namespace {

constexpr time_t kPatienceSeconds = 120;

int Connect(uint16_t port) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {kPatienceSeconds, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<sockaddr*>(&address),
              sizeof(address)) == 0) {
    return connection;
  }
  close(connection);
  return -1;
}

std::string OpenSslError(const char* step) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  char text[256] = "";
  if (code != 0) ERR_error_string_n(code, text, sizeof(text));
  return std::string(step) + ": " + (code != 0 ? text : strerror(errno));
}

const char* NameOfSignature(int type) {
  switch (type) {
    case NID_rsaEncryption:
      return "RSA";
    case NID_rsassaPss:
      return "RSA-PSS";
    default:
      return "another";
  }
}

void Ask(SSL* tls, Answer* answer) {
  if (SSL_connect(tls) != 1) {
    answer->error = OpenSslError("handshake");
    return;
  }
  answer->version = SSL_get_version(tls);
  answer->resumed = SSL_session_reused(tls) == 1;
  int signature = NID_undef;
  SSL_get_peer_signature_type_nid(tls, &signature);
  answer->signature = NameOfSignature(signature);
  static const char kRequest[] = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
  if (SSL_write(tls, kRequest, sizeof(kRequest) - 1) <= 0) {
    answer->error = OpenSslError("request");
    return;
  }
  std::string text;
  char piece[4096];
  for (int got = 0; (got = SSL_read(tls, piece, sizeof(piece))) > 0;) {
    text.append(piece, static_cast<size_t>(got));
  }
  const size_t head = text.find("\r\n\r\n");
  if (text.compare(0, 12, "HTTP/1.1 200") != 0 || head == std::string::npos) {
    answer->error = "answer: " + text;
    return;
  }
  answer->body = text.substr(head + 4);
}

}  // namespace

Answer Fetch(uint16_t port, int version, const std::string& certificate_file) {
  Answer answer;
  const int connection = Connect(port);
  if (connection < 0) {
    answer.error = std::string("connect: ") + strerror(errno);
    return answer;
  }
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL* tls = nullptr;
  if (SSL_CTX_set_min_proto_version(context, version) == 1 &&
      SSL_CTX_set_max_proto_version(context, version) == 1 &&
      SSL_CTX_load_verify_file(context, certificate_file.c_str()) == 1 &&
      (tls = SSL_new(context)) != nullptr &&
      SSL_set1_host(tls, "localhost") == 1 &&
      SSL_set_fd(tls, connection) == 1) {
    Ask(tls, &answer);
  } else {
    answer.error = OpenSslError("set-up");
  }
  SSL_free(tls);
  SSL_CTX_free(context);
  close(connection);
  return answer;
}

}  // namespace bulkhead::vault_tls
