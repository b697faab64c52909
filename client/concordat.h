/* The worker's agent for programs that are not written in C++: keys, operations with keys that
 * never leave the custodian, attestation, readiness. Link with `pkg-config --cflags --libs
 * concordat`.
 *
 * Every call returns 0, or -1 and says why in `error` (which may be NULL). Blocking; one agent may
 * be used by any number of threads. No exception leaves this library, no signal handler is touched,
 * nothing is printed.
 *
 * What is given in is not kept. What is handed out lies in a concordat_buffer: guarded memory that
 * is locked, not dumped, and wiped by concordat_buffer_free(), to be called once for each call that
 * succeeded. Bytes copied out of it are the copier's to wipe. Pointers to results may be NULL where
 * a result is not wanted.
 *
 * Names, codes and formats: keyservice/KEYRING.md and the agent's OpenAPI description. */
#ifndef CONCORDAT_H
#define CONCORDAT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct concordat_agent concordat_agent;

typedef struct concordat_buffer {
  uint8_t* data;
  size_t size;
  void* owner; /* the library's */
} concordat_buffer;

typedef struct concordat_error {
  unsigned http_status; /* of the agent's answer; 0 where there was none */
  char code[64];        /* stable: the agent's, or one of client/error.hpp */
  char message[512];    /* for people; holds no secret; may be cut */
  char request_id[72];
} concordat_error;

/* `endpoint`: unix:PATH or, on loopback, tcp:ADDRESS:PORT; NULL: unix:/run/concordat/agent.sock.
 * `deadline_ms`: of each call with its repetitions; 0: 30 seconds. Connects with the first call. */
int concordat_agent_open(const char* endpoint, uint32_t deadline_ms, concordat_agent** agent,
                         concordat_error* error);
/* NULL is nothing to close. */
void concordat_agent_close(concordat_agent* agent);
/* Wipes, releases and empties. An empty one is left as it is. */
void concordat_buffer_free(concordat_buffer* buffer);

/* Until keys can be had. */
int concordat_wait_for_ready(concordat_agent* agent, uint32_t timeout_ms, concordat_error* error);
/* `ready`: 1 or 0; `json`: the agent's whole answer. */
int concordat_health(concordat_agent* agent, int* ready, concordat_buffer* json,
                     concordat_error* error);
/* `nonce` and `user_data`: at most 512 bytes each; of no size: none. */
int concordat_attestation(concordat_agent* agent, const void* nonce, size_t nonce_size,
                          const void* user_data, size_t user_data_size, concordat_buffer* document,
                          concordat_error* error);

/* In `version` 0 stands for the newest; the version used comes back in `used_version`. */
int concordat_get_key(concordat_agent* agent, const char* name, uint32_t version,
                      concordat_buffer* key, uint32_t* used_version, concordat_error* error);
int concordat_public_key(concordat_agent* agent, const char* name, uint32_t version,
                         concordat_buffer* der, uint32_t* used_version, concordat_error* error);
int concordat_sign(concordat_agent* agent, const char* name, const void* message, size_t size,
                   concordat_buffer* signature, concordat_buffer* envelope, concordat_error* error);
/* 0 only for a good one; code "authentication_failed" otherwise. */
int concordat_verify(concordat_agent* agent, const char* name, const void* message, size_t size,
                     const void* envelope, size_t envelope_size, concordat_error* error);
int concordat_mac(concordat_agent* agent, const char* name, const void* message, size_t size,
                  concordat_buffer* tag, concordat_buffer* envelope, concordat_error* error);
int concordat_encrypt(concordat_agent* agent, const char* name, const void* plaintext, size_t size,
                      const void* associated_data, size_t associated_data_size,
                      concordat_buffer* ciphertext, concordat_error* error);
int concordat_decrypt(concordat_agent* agent, const char* name, const void* ciphertext, size_t size,
                      const void* associated_data, size_t associated_data_size,
                      concordat_buffer* plaintext, concordat_error* error);
int concordat_wrap(concordat_agent* agent, const char* name, const void* bytes, size_t size,
                   concordat_buffer* wrapped, concordat_error* error);
int concordat_wrap_key(concordat_agent* agent, const char* name, const char* key, uint32_t version,
                       concordat_buffer* wrapped, concordat_error* error);
int concordat_unwrap(concordat_agent* agent, const char* name, const void* wrapped, size_t size,
                     concordat_buffer* bytes, concordat_error* error);
/* `peer`: the other side's X25519 public key, for keys of that type; otherwise NULL. */
int concordat_derive(concordat_agent* agent, const char* name, size_t size, const void* context,
                     size_t context_size, const uint8_t peer[32], uint32_t version,
                     concordat_buffer* bytes, concordat_error* error);
int concordat_random(concordat_agent* agent, const char* name, size_t size, concordat_buffer* bytes,
                     concordat_error* error);

/* The next bytes into `room`: how many, 0 at the end, -1 to stop. */
typedef ptrdiff_t (*concordat_source)(void* context, uint8_t* room, size_t size);
/* Takes bytes, which are gone afterwards: 0, or -1 to stop. */
typedef int (*concordat_sink)(void* context, const uint8_t* bytes, size_t size);

/* Any size, in pieces. After a failure what the sink took is worth nothing. */
int concordat_encrypt_stream(concordat_agent* agent, const char* name, concordat_source source,
                             concordat_sink sink, void* context, const void* associated_data,
                             size_t associated_data_size, concordat_error* error);
int concordat_decrypt_stream(concordat_agent* agent, const char* name, concordat_source source,
                             concordat_sink sink, void* context, const void* associated_data,
                             size_t associated_data_size, concordat_error* error);

#ifdef __cplusplus
}
#endif

#endif
