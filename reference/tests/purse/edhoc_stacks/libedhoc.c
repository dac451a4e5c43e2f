/* An EPP/1 session over libedhoc, unmodified and through its public API only: see epp.c for the protocol. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edhoc.h>

#include "crypto.h"
#include "epp.h"

/* What a peer may send in a handshake message must fit (EPP-SES-020, EPP-SES-026); both are 7 and 1 as they come. */
#if CONFIG_LIBEDHOC_MAX_LEN_OF_CONN_ID < MAX_MESSAGE || CONFIG_LIBEDHOC_MAX_LEN_OF_CRED_KEY_ID < MAX_MESSAGE
#error "libedhoc must be built for identifiers of 2048 bytes"
#endif

/* As many keys as the library has at once. */
#define KEYS 8
#define MAX_ITEMS CONFIG_LIBEDHOC_MAX_NR_OF_EAD_TOKENS

struct key {
	int used;
	uint8_t bytes[64];
	size_t length;
};

static struct purse us;
static struct key keys[KEYS];
/* What the library does not show: G_X, for `EPP member`, and PRK_out. */
static uint8_t our_ephemeral[32], prk_out[32];
static uint8_t sealed[SEALED], member[MEMBER_MAC];
/* Where the `EPP member` that the library found in message_1 ends. */
static const uint8_t *member_end;
/* What `ead.process` saw of message_2 or message_3, and what is judged after the signature. */
static struct item items[MAX_ITEMS];
static size_t item_count;
static uint8_t kept[MAX_MESSAGE];

/* --- keys and algorithms --- */

static int import_key(void *context, enum edhoc_key_type type, const uint8_t *raw, size_t length, void *id)
{
	(void)context, (void)type;
	for (uint8_t i = 0; i < KEYS; ++i) {
		if (keys[i].used)
			continue;
		if (length > sizeof(keys[i].bytes))
			return EDHOC_ERROR_BUFFER_TOO_SMALL;
		keys[i].used = 1;
		keys[i].length = length;
		if (length > 0)
			memcpy(keys[i].bytes, raw, length);
		memset(id, 0, CONFIG_LIBEDHOC_KEY_ID_LEN);
		*(uint8_t *)id = i;
		return EDHOC_SUCCESS;
	}
	return EDHOC_ERROR_NOT_ENOUGH_MEMORY;
}

static int destroy_key(void *context, void *id)
{
	(void)context;
	memset(&keys[*(uint8_t *)id % KEYS], 0, sizeof(keys[0]));
	return EDHOC_SUCCESS;
}

static const struct key *key_of(const void *id)
{
	return &keys[*(const uint8_t *)id % KEYS];
}

static int told(int good)
{
	return good ? EDHOC_SUCCESS : EDHOC_ERROR_CRYPTO_FAILURE;
}

static int make_key_pair(void *context, const void *id, uint8_t *private_key, size_t private_size, size_t *private_length,
			 uint8_t *public_key, size_t public_size, size_t *public_length)
{
	(void)context, (void)id;
	if (private_size < 32 || public_size < 32 || !x25519_pair(private_key, public_key))
		return EDHOC_ERROR_CRYPTO_FAILURE;
	memcpy(our_ephemeral, public_key, 32);
	*private_length = *public_length = 32;
	return EDHOC_SUCCESS;
}

static int key_agreement(void *context, const void *id, const uint8_t *peer, size_t peer_length, uint8_t *secret,
			 size_t size, size_t *length)
{
	(void)context;
	*length = 32;
	return told(peer_length == 32 && size >= 32 && x25519_agree(key_of(id)->bytes, peer, secret));
}

static int signature(void *context, const void *id, const uint8_t *input, size_t length, uint8_t *out, size_t size,
		     size_t *made)
{
	(void)context;
	*made = 64;
	return told(size >= 64 && ed25519_sign(key_of(id)->bytes, input, length, out));
}

static int verify(void *context, const void *id, const uint8_t *input, size_t length, const uint8_t *given,
		  size_t given_length)
{
	(void)context;
	return told(given_length == 64 && ed25519_verify(key_of(id)->bytes, input, length, given));
}

static int extract(void *context, const void *id, const uint8_t *salt, size_t salt_length, uint8_t *prk, size_t size,
		   size_t *length)
{
	(void)context;
	*length = 32;
	return told(size >= 32 &&
		    hkdf_sha256_extract(salt, salt_length, key_of(id)->bytes, key_of(id)->length, prk));
}

static int expand(void *context, const void *id, const uint8_t *info, size_t info_length, uint8_t *out, size_t length)
{
	(void)context;
	if (!hkdf_sha256_expand(key_of(id)->bytes, info, info_length, out, length))
		return EDHOC_ERROR_CRYPTO_FAILURE;
	if (info[0] == EDHOC_EXTRACT_PRK_INFO_LABEL_PRK_OUT && length == 32)
		memcpy(prk_out, out, 32);
	return EDHOC_SUCCESS;
}

static int encrypt(void *context, const void *id, const uint8_t *nonce, size_t nonce_length, const uint8_t *aad,
		   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out, size_t size, size_t *made)
{
	(void)context;
	*made = length + aead_tag(us.suite);
	return told(nonce_length == aead_nonce(us.suite) && size >= *made &&
		    aead_seal(us.suite, key_of(id)->bytes, nonce, aad, aad_length, in, length, out));
}

static int decrypt(void *context, const void *id, const uint8_t *nonce, size_t nonce_length, const uint8_t *aad,
		   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out, size_t size, size_t *made)
{
	(void)context;
	if (nonce_length != aead_nonce(us.suite) || length < aead_tag(us.suite) || size < length - aead_tag(us.suite))
		return EDHOC_ERROR_CRYPTO_FAILURE;
	*made = length - aead_tag(us.suite);
	return told(aead_open(us.suite, key_of(id)->bytes, nonce, aad, aad_length, in, length, out));
}

static int hash(void *context, const uint8_t *input, size_t length, uint8_t *out, size_t size, size_t *made)
{
	(void)context;
	*made = 32;
	return told(size >= 32 && sha256(input, length, out));
}

/* --- EAD and credentials --- */

/* All bytes of our message_1 before `EPP member`: the application knows each of them. */
static size_t before_member(uint8_t *out)
{
	static const uint8_t version[] = { 0x39, 0xfd, 0xe8, 0x42, 0x81, 0x01 };
	uint8_t *end = out;

	*end++ = EDHOC_METHOD_0;
	*end++ = (uint8_t)us.suite;
	*end++ = 0x58, *end++ = 32;
	memcpy(end, our_ephemeral, 32), end += 32;
	if (us.connection_id_length == 1 && (us.connection_id[0] & 0xdf) < 24) {
		*end++ = us.connection_id[0];
	} else {
		*end++ = (uint8_t)(0x40 | us.connection_id_length);
		memcpy(end, us.connection_id, us.connection_id_length), end += us.connection_id_length;
	}
	memcpy(end, version, sizeof(version)), end += sizeof(version);
	return (size_t)(end - out);
}

static int compose(void *context, enum edhoc_message message, struct edhoc_ead_token *token, size_t size, size_t *count)
{
	static const uint8_t offer[] = { 0x81, 0x01 }, choice[] = { 0x01 };
	uint8_t before[128];

	(void)context;
	*count = message == EDHOC_MSG_3 ? 1 : message == EDHOC_MSG_4 ? 0 : 2;
	if (size < *count)
		return EDHOC_ERROR_BUFFER_TOO_SMALL;
	if (message == EDHOC_MSG_1) {
		if (!epp_member(&us, before, before_member(before), member))
			return EDHOC_ERROR_CRYPTO_FAILURE;
		token[0] = (struct edhoc_ead_token){ -LABEL_VERSION, offer, sizeof(offer) };
		token[1] = (struct edhoc_ead_token){ -LABEL_MEMBER, member, sizeof(member) };
		return EDHOC_SUCCESS;
	}
	if (message == EDHOC_MSG_4)
		return EDHOC_SUCCESS;
	if (!epp_seal(&us, sealed))
		return EDHOC_ERROR_CRYPTO_FAILURE;
	token[0] = (struct edhoc_ead_token){ -LABEL_PURSE_ID, sealed, sizeof(sealed) };
	if (message == EDHOC_MSG_2)
		token[1] = (struct edhoc_ead_token){ -LABEL_VERSION, choice, sizeof(choice) };
	return EDHOC_SUCCESS;
}

/* Before the signature only the purse ID is looked at; the rest is copied and waits (EPP-SES-010). */
static int process(void *context, enum edhoc_message message, const struct edhoc_ead_token *token, size_t count)
{
	uint8_t *free_space = kept;

	(void)context;
	for (size_t i = 0; i < count; ++i) {
		if (token[i].value_len > 0)
			memcpy(free_space, token[i].value, token[i].value_len);
		if (message == EDHOC_MSG_1 && token[i].label == -LABEL_MEMBER)
			member_end = token[i].value + token[i].value_len;
		items[i].label = token[i].label;
		items[i].has_value = token[i].value != NULL;
		items[i].value = (struct part){ free_space, token[i].value_len };
		free_space += token[i].value_len;
	}
	item_count = count;
	if (message == EDHOC_MSG_2 || message == EDHOC_MSG_3)
		return epp_peer(&us, items, item_count) ? EDHOC_SUCCESS : EDHOC_ERROR_EAD_PROCESS_FAILURE;
	return EDHOC_SUCCESS;
}

/* ID_CRED_x is { 4: h'01' } (EPP-PID-012). As an integer, which is how the library reports the 01 on the wire, it
 * would sign { 4: 1 }; as a byte string it signs what RFC 9528 section 3.5.3.2 says, and sends 01 all the same. */
static void be(struct edhoc_auth_creds *credentials, const uint8_t *cred, size_t length)
{
	credentials->label = EDHOC_COSE_HEADER_KID;
	credentials->key_id.encode_type = EDHOC_ENCODE_TYPE_BYTE_STRING;
	credentials->key_id.key_id_bstr[0] = 1;
	credentials->key_id.key_id_bstr_length = 1;
	credentials->key_id.cred = cred;
	credentials->key_id.cred_len = length;
	credentials->key_id.cred_is_cbor = true;
}

static int fetch(void *context, struct edhoc_auth_creds *credentials)
{
	(void)context;
	be(credentials, us.purse_id, us.purse_id_length);
	return import_key(NULL, EDHOC_KT_SIGNATURE, us.key, 32, credentials->priv_key_id);
}

static int verify_credentials(void *context, struct edhoc_auth_creds *credentials, const uint8_t **key, size_t *length)
{
	(void)context;
	/* EPP-PID-012; and EPP-PID-013: without the item, `process` has not run */
	if (credentials->label != EDHOC_COSE_HEADER_KID ||
	    credentials->key_id.encode_type != EDHOC_ENCODE_TYPE_INTEGER || credentials->key_id.key_id_int != 1 ||
	    us.peer_id_length == 0) {
		us.code = "authentication";
		return EDHOC_ERROR_CREDENTIALS_FAILURE;
	}
	be(credentials, us.peer_id, us.peer_id_length);
	*key = us.peer_key;
	*length = sizeof(us.peer_key);
	return EDHOC_SUCCESS;
}

/* --- the session --- */

static int prepare(struct edhoc_context *context)
{
	static const enum edhoc_method methods[] = { EDHOC_METHOD_0 };
	static const struct edhoc_ead ead = { compose, process };
	static const struct edhoc_keys key_calls = { import_key, destroy_key };
	static const struct edhoc_crypto crypto = { make_key_pair, key_agreement, signature, verify, extract,
						    expand,	   encrypt,	  decrypt,   hash };
	static const struct edhoc_credentials credentials = { fetch, verify_credentials };
	struct edhoc_connection_id id = { .encode_type = EDHOC_CID_TYPE_BYTE_STRING };
	struct edhoc_cipher_suite suite = { .value = us.suite,
					    .aead_key_length = aead_key(us.suite),
					    .aead_tag_length = aead_tag(us.suite),
					    .aead_iv_length = aead_nonce(us.suite),
					    .hash_length = 32,
					    .mac_length = us.suite == 0 ? 8 : 16,
					    .ecc_key_length = 32,
					    .ecc_sign_length = 64 };

	if (us.connection_id_length == 1 && (us.connection_id[0] & 0xdf) < 24) {
		id.encode_type = EDHOC_CID_TYPE_ONE_BYTE_INTEGER;
		id.int_value = (int8_t)(us.connection_id[0] < 24 ? us.connection_id[0] : 31 - us.connection_id[0]);
	} else if (us.connection_id_length > sizeof(id.bstr_value)) {
		return EDHOC_ERROR_BUFFER_TOO_SMALL;
	} else {
		id.bstr_length = us.connection_id_length;
		memcpy(id.bstr_value, us.connection_id, us.connection_id_length);
	}
	int results[] = { edhoc_context_init(context),
			  edhoc_set_methods(context, methods, 1),
			  edhoc_set_cipher_suites(context, &suite, 1),
			  edhoc_set_connection_id(context, &id),
			  edhoc_bind_ead(context, &ead),
			  edhoc_bind_keys(context, &key_calls),
			  edhoc_bind_crypto(context, &crypto),
			  edhoc_bind_credentials(context, &credentials) };
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); ++i)
		if (results[i] != EDHOC_SUCCESS)
			return results[i];
	return EDHOC_SUCCESS;
}

/* A wrong suite is answered with ERR_CODE 2 and all that we support, as the library says (EPP-SES-004, EPP-SES-061). */
static int refuse_message_1(struct edhoc_context *context, int status)
{
	enum edhoc_error_code code = EDHOC_ERROR_CODE_SUCCESS;
	int32_t supported[] = { 4, 0 };
	size_t count = us.has_suite_0 ? 2 : 1;
	struct edhoc_error_info info = { .cipher_suites = supported, .total_entries = count, .written_entries = count };
	uint8_t error[16];
	size_t length;

	if (edhoc_error_get_code(context, &code) != EDHOC_SUCCESS ||
	    code != EDHOC_ERROR_CODE_WRONG_SELECTED_CIPHER_SUITE)
		return epp_refuse(&us, "message_1", status);
	if (edhoc_message_error_compose(error, sizeof(error), &length, code, &info) != EDHOC_SUCCESS)
		return epp_refuse(&us, "error", status);
	epp_send(error, length);
	printf("refused message_1 %d suite\n", status);
	return 1;
}

/* What each message does; the library's `*_process` or `*_compose`, or ours around it. */
static int as_initiator(struct edhoc_context *context, uint8_t *message)
{
	size_t length;
	int status = prepare(context);

	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "prepare", status);
	status = edhoc_message_1_compose(context, message, MAX_MESSAGE, &length);
	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "compose message_1", status);
	epp_send(message, length);
	if ((length = epp_receive(message)) == 0 || epp_is_error(message, length))
		return 1;
	status = edhoc_message_2_process(context, message, length);
	if (status != EDHOC_SUCCESS || !epp_items(&us, 2, items, item_count))
		return epp_refuse(&us, "message_2", status);
	status = edhoc_message_3_compose(context, message, MAX_MESSAGE, &length);
	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "compose message_3", status);
	epp_send(message, length);
	if ((length = epp_receive(message)) == 0 || epp_is_error(message, length))
		return 1;
	item_count = 0;
	status = edhoc_message_4_process(context, message, length);
	if (status != EDHOC_SUCCESS || !epp_items(&us, 4, items, item_count))
		return epp_refuse(&us, "message_4", status);
	return 0;
}

static int as_responder(struct edhoc_context *context, uint8_t *message)
{
	size_t length = epp_receive(message);
	int status;

	if (length == 0 || epp_is_error_1(message, length))
		return 1;
	/* A context compares one suite. */
	epp_choose_suite(&us, message, length);
	status = prepare(context);
	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "prepare", status);
	status = edhoc_message_1_process(context, message, length);
	if (status != EDHOC_SUCCESS)
		return refuse_message_1(context, status);
	/* The library drops what it cannot decode at the end of message_1, such as a fourth item: so the last item that
	 * it found must be what ends the message (EPP-SES-039). */
	if (!epp_items(&us, 1, items, item_count) || !epp_is_member(&us, message, length))
		return epp_refuse(&us, "message_1", status);
	us.code = "authentication";
	if (member_end != message + length)
		return epp_refuse(&us, "message_1", status);
	us.code = NULL;
	status = edhoc_message_2_compose(context, message, MAX_MESSAGE, &length);
	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "compose message_2", status);
	epp_send(message, length);
	if ((length = epp_receive(message)) == 0 || epp_is_error(message, length))
		return 1;
	item_count = 0;
	status = edhoc_message_3_process(context, message, length);
	if (status != EDHOC_SUCCESS || !epp_items(&us, 3, items, item_count))
		return epp_refuse(&us, "message_3", status);
	status = edhoc_message_4_compose(context, message, MAX_MESSAGE, &length);
	if (status != EDHOC_SUCCESS)
		return epp_refuse(&us, "compose message_4", status);
	epp_send(message, length);
	return 0;
}

int main(int count, char **arguments)
{
	static struct edhoc_context context;
	static uint8_t message[MAX_MESSAGE];
	uint8_t com_ka[44], com_kb[44];
	size_t material;
	int status;

	if (!epp_arguments(&us, count, arguments))
		return 2;
	status = us.initiates ? as_initiator(&context, message) : as_responder(&context, message);
	if (status != 0)
		return status;
	material = aead_key(us.suite) + aead_nonce(us.suite); /* EPP-REC-001 */
	if (edhoc_export_prk_exporter(&context, 65001, com_ka, material) != EDHOC_SUCCESS ||
	    edhoc_export_prk_exporter(&context, 65002, com_kb, material) != EDHOC_SUCCESS)
		return 3;
	epp_tell("prk-out", prk_out, sizeof(prk_out));
	epp_tell("com-ka", com_ka, material);
	epp_tell("com-kb", com_kb, material);
	epp_tell("peer", us.peer_key, sizeof(us.peer_key));
	return 0;
}
