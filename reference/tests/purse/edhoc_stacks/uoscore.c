/* An EPP/1 session over uoscore-uedhoc, unmodified: it ends with the first message that this library makes. Its crypto
 * functions are weak symbols, which an application may replace; these are ours. */
#include <stdio.h>
#include <string.h>

#include <edhoc.h>
#include <common/crypto_wrapper.h>

#include "crypto.h"
#include "epp.h"

static struct purse us;
static int received;

static enum err told(int good)
{
	return good ? ok : unexpected_result_from_ext_lib;
}

enum err aead(enum aes_operation op, const struct byte_array *in, const struct byte_array *key, struct byte_array *nonce,
	      const struct byte_array *aad, struct byte_array *out, struct byte_array *tag)
{
	(void)tag;
	if (op == DECRYPT)
		return told(aead_open(0, key->ptr, nonce->ptr, aad->ptr, aad->len, in->ptr, in->len, out->ptr));
	return told(aead_seal(0, key->ptr, nonce->ptr, aad->ptr, aad->len, in->ptr, in->len, out->ptr));
}

enum err hkdf_expand(enum hash_alg alg, const struct byte_array *prk, const struct byte_array *info,
		     struct byte_array *out)
{
	(void)alg;
	return told(hkdf_sha256_expand(prk->ptr, info->ptr, info->len, out->ptr, out->len));
}

enum err hkdf_extract(enum hash_alg alg, const struct byte_array *salt, struct byte_array *ikm, uint8_t *out)
{
	(void)alg;
	return told(hkdf_sha256_extract(salt->ptr, salt->len, ikm->ptr, ikm->len, out));
}

enum err shared_secret_derive(enum ecdh_alg alg, const struct byte_array *sk, const struct byte_array *pk, uint8_t *secret)
{
	(void)alg;
	return told(pk->len == 32 && x25519_agree(sk->ptr, pk->ptr, secret));
}

enum err hash(enum hash_alg alg, const struct byte_array *in, struct byte_array *out)
{
	(void)alg;
	return told(sha256(in->ptr, in->len, out->ptr));
}

enum err sign(enum sign_alg alg, const struct byte_array *sk, const struct byte_array *pk, const struct byte_array *msg,
	      uint8_t *out)
{
	(void)alg, (void)pk;
	return told(ed25519_sign(sk->ptr, msg->ptr, msg->len, out));
}

enum err verify(enum sign_alg alg, const struct byte_array *pk, struct const_byte_array *msg, struct const_byte_array *sgn,
		bool *result)
{
	(void)alg;
	*result = ed25519_verify(pk->ptr, msg->ptr, msg->len, sgn->ptr);
	return ok;
}

static enum err tx(void *socket, struct byte_array *data)
{
	(void)socket;
	epp_send(data->ptr, data->len);
	return ok;
}

static enum err rx(void *socket, struct byte_array *data)
{
	static uint8_t message[MAX_MESSAGE];
	size_t length = epp_receive(message);

	(void)socket;
	if (length == 0 || length > data->len)
		return transport_deinitialized;
	if (us.initiates || received++ > 0) {
		if (epp_is_error(message, length))
			return error_message_received;
	} else if (!epp_is_member(&us, message, length)) {
		return error_message_sent;
	}
	memcpy(data->ptr, message, length);
	data->len = (uint32_t)length;
	return ok;
}

static enum err ead_process(void *params, struct byte_array *ead)
{
	(void)params, (void)ead;
	return ok;
}

/* EAD_2 or EAD_3: `EPP purse ID`, and the version in EAD_2. */
static uint32_t later_items(uint8_t *out)
{
	static const uint8_t before[] = { 0x39, 0xfd, 0xea, 0x59, SEALED >> 8, SEALED & 255 };
	uint8_t *end = out + sizeof(before) + SEALED;

	memcpy(out, before, sizeof(before));
	if (!epp_seal(&us, out + sizeof(before)))
		return 0;
	if (!us.initiates)
		memcpy(end, "\x39\xfd\xe8\x41\x01", 5), end += 5;
	return (uint32_t)(end - out);
}

/* EAD_1: version and `EPP member`. */
static uint32_t first_items(uint8_t *out, const uint8_t *ephemeral)
{
	uint8_t before[43] = { 0x00, (uint8_t)us.suite, 0x58, 32 };

	memcpy(before + 4, ephemeral, 32);
	before[36] = us.connection_id[0];
	memcpy(before + 37, "\x39\xfd\xe8\x42\x81\x01", 6);
	memcpy(out, before + 37, 6);
	memcpy(out + 6, "\x39\xfd\xe9\x50", 4);
	return epp_member(&us, before, sizeof(before), out + 10) ? 26 : 0;
}

int main(int count, char **arguments)
{
	static uint8_t private_ephemeral[32], ephemeral[32], public_key[32], first[64], later[SEALED + 16];
	uint8_t prk_out[32], suite, error[64], kid[] = { 0xa1, 0x04, 0x01 };
	struct byte_array prk = { sizeof(prk_out), prk_out }, error_message = { sizeof(error), error };
	struct cred_array nobody = { 0, NULL };
	enum err status;

	if (!epp_arguments(&us, count, arguments) || us.connection_id_length != 1)
		return 2;
	suite = (uint8_t)us.suite;
	if (!x25519_pair(private_ephemeral, ephemeral) || !ed25519_public(us.key, public_key))
		return 2;
	struct byte_array none = { 0, NULL }, c_x = { 1, us.connection_id }, suites = { 1, &suite };
	struct byte_array x = { 32, private_ephemeral }, g_x = { 32, ephemeral }, key = { 32, us.key };
	struct byte_array id = { sizeof(kid), kid }, public = { 32, public_key };
	struct byte_array cred = { (uint32_t)us.purse_id_length, us.purse_id };
	struct byte_array ead_x = { later_items(later), later };
	if (us.initiates) {
		struct edhoc_initiator_context context = { .c_i = c_x, .method = INITIATOR_SK_RESPONDER_SK, .suites_i = suites,
							   .ead_1 = { first_items(first, ephemeral), first },
							   .ead_3 = ead_x, .id_cred_i = id, .cred_i = cred,
							   .g_x = g_x, .x = x, .sk_i = key, .pk_i = public };
		status = edhoc_initiator_run(&context, &nobody, &error_message, &prk, tx, rx, ead_process);
	} else {
		struct edhoc_responder_context context = { .c_r = c_x, .suites_r = suites, .g_y = g_x, .y = x,
							   .ead_2 = ead_x, .ead_4 = none, .id_cred_r = id, .cred_r = cred,
							   .sk_r = key, .pk_r = public };
		status = edhoc_responder_run(&context, &nobody, &error_message, &prk, tx, rx, ead_process);
	}
	if (status == error_message_received)
		return 1;
	if (status != ok)
		return epp_refuse(&us, us.initiates ? "initiator" : "responder", status);
	epp_tell("prk-out", prk_out, sizeof(prk_out));
	return 0;
}
