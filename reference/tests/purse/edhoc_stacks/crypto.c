#include "crypto.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

int sha256(const uint8_t *data, size_t length, uint8_t out[32])
{
	return EVP_Digest(data, length, out, NULL, EVP_sha256(), NULL);
}

int hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *data, size_t length, uint8_t out[32])
{
	return HMAC(EVP_sha256(), key, (int)key_length, data, length, out, NULL) != NULL;
}

int hkdf_sha256_extract(const uint8_t *salt, size_t salt_length, const uint8_t *ikm, size_t ikm_length,
			uint8_t prk[32])
{
	return hmac_sha256(salt_length > 0 ? salt : (const uint8_t *)"", salt_length, ikm, ikm_length, prk);
}

int hkdf_sha256_expand(const uint8_t prk[32], const uint8_t *info, size_t info_length, uint8_t *out, size_t length)
{
	uint8_t block[32 + 2048 + 1];
	size_t before = 0;

	if (info_length > 2048 || length > 255 * 32)
		return 0;
	for (uint8_t count = 1; length > 0; ++count) {
		size_t part = length < 32 ? length : 32;
		uint8_t made[32];

		memcpy(block + before, info, info_length);
		block[before + info_length] = count;
		if (!hmac_sha256(prk, 32, block, before + info_length + 1, made))
			return 0;
		memcpy(block, made, 32);
		before = 32;
		memcpy(out, made, part);
		out += part;
		length -= part;
	}
	return 1;
}

int x25519_pair(uint8_t private_key[32], uint8_t public_key[32])
{
	size_t length = 32, public_length = 32;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	int good = key != NULL && EVP_PKEY_get_raw_private_key(key, private_key, &length) == 1 &&
		   EVP_PKEY_get_raw_public_key(key, public_key, &public_length) == 1;

	EVP_PKEY_free(key);
	return good;
}

int x25519_agree(const uint8_t private_key[32], const uint8_t public_key[32], uint8_t secret[32])
{
	size_t length = 32;
	EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, 32);
	EVP_PKEY_CTX *context = ours == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
	/* OpenSSL refuses an all-zero secret (EPP-SES-012) */
	int good = context != NULL && theirs != NULL && EVP_PKEY_derive_init(context) == 1 &&
		   EVP_PKEY_derive_set_peer(context, theirs) == 1 && EVP_PKEY_derive(context, secret, &length) == 1;

	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ours);
	return good;
}

int ed25519_public(const uint8_t seed[32], uint8_t public_key[32])
{
	size_t length = 32;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	int good = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &length) == 1;

	EVP_PKEY_free(key);
	return good;
}

int ed25519_sign(const uint8_t seed[32], const uint8_t *data, size_t length, uint8_t signature[64])
{
	size_t made = 64;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int good = key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		   EVP_DigestSign(context, signature, &made, data, length) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return good;
}

int ed25519_verify(const uint8_t public_key[32], const uint8_t *data, size_t length, const uint8_t signature[64])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int good = key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		   EVP_DigestVerify(context, signature, 64, data, length) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	return good;
}

size_t aead_tag(int suite)
{
	return suite == 0 ? 8 : 16;
}

size_t aead_nonce(int suite)
{
	return suite == 0 ? 13 : 12;
}

size_t aead_key(int suite)
{
	return suite == 0 ? 16 : 32;
}

/* One AEAD operation; `tag` is given to open and made to seal. CCM wants the length of the text before it. */
static int aead(int seal, int suite, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
		const uint8_t *in, size_t length, uint8_t *out, uint8_t *tag)
{
	const EVP_CIPHER *cipher = suite == 0 ? EVP_aes_128_ccm() : EVP_chacha20_poly1305();
	int tag_length = (int)aead_tag(suite), done = 0, empty = 0;
	uint8_t nothing[16] = { 0 };
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int good = context != NULL && length < INT_MAX && EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, seal) == 1 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)aead_nonce(suite), NULL) == 1 &&
		   (seal && suite != 0 ? 1 :
					 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_length, seal ? NULL : tag)) == 1 &&
		   EVP_CipherInit_ex(context, NULL, NULL, key, nonce, seal) == 1;

	if (good && suite == 0)
		good = EVP_CipherUpdate(context, NULL, &done, NULL, (int)length) == 1;
	if (good && aad_length > 0)
		good = EVP_CipherUpdate(context, NULL, &done, aad, (int)aad_length) == 1;
	if (good && (length > 0 || suite == 0))
		good = EVP_CipherUpdate(context, length > 0 ? out : nothing, &done, length > 0 ? in : nothing, (int)length) == 1;
	if (good && (seal || suite != 0))
		good = EVP_CipherFinal_ex(context, nothing, &empty) == 1;
	if (good && seal)
		good = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_length, tag) == 1;
	EVP_CIPHER_CTX_free(context);
	return good;
}

int aead_seal(int suite, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
	      const uint8_t *in, size_t length, uint8_t *out)
{
	return aead(1, suite, key, nonce, aad, aad_length, in, length, out, out + length);
}

int aead_open(int suite, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad, size_t aad_length,
	      const uint8_t *in, size_t length, uint8_t *out)
{
	uint8_t tag[16];

	if (length < aead_tag(suite))
		return 0;
	length -= aead_tag(suite);
	memcpy(tag, in + length, aead_tag(suite));
	return aead(0, suite, key, nonce, aad, aad_length, in, length, out, tag);
}
