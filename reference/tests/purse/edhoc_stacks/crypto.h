/* What the EDHOC cipher suites 0 and 4 and EPP/1 need, on OpenSSL 3. All functions return 1 for success. */
#ifndef CRYPTO_H
#define CRYPTO_H

#include <stddef.h>
#include <stdint.h>

int sha256(const uint8_t *data, size_t length, uint8_t out[32]);
int hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *data, size_t length, uint8_t out[32]);
int hkdf_sha256_extract(const uint8_t *salt, size_t salt_length, const uint8_t *ikm, size_t ikm_length,
			uint8_t prk[32]);
int hkdf_sha256_expand(const uint8_t prk[32], const uint8_t *info, size_t info_length, uint8_t *out,
		       size_t length);
int x25519_pair(uint8_t private_key[32], uint8_t public_key[32]);
int x25519_agree(const uint8_t private_key[32], const uint8_t public_key[32], uint8_t secret[32]);
int ed25519_public(const uint8_t seed[32], uint8_t public_key[32]);
int ed25519_sign(const uint8_t seed[32], const uint8_t *data, size_t length, uint8_t signature[64]);
int ed25519_verify(const uint8_t public_key[32], const uint8_t *data, size_t length, const uint8_t signature[64]);
/* The AEAD of a suite: `out` has the tag at its end, `in` of `aead_open` too. */
int aead_seal(int suite, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
	      const uint8_t *in, size_t length, uint8_t *out);
int aead_open(int suite, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
	      const uint8_t *in, size_t length, uint8_t *out);
size_t aead_tag(int suite);
size_t aead_nonce(int suite);
size_t aead_key(int suite);

#endif
