#include "epp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypto.h"

#define NONCE 16
#define TAG 16

/* --- CBOR, as far as EAD items and purse IDs need it --- */

/* The head of one item, in its shortest form: major type and argument. Moves on. */
static int head(struct part *rest, int *major, uint64_t *argument)
{
	size_t more;

	if (rest->length == 0)
		return 0;
	*major = rest->at[0] >> 5;
	*argument = rest->at[0] & 31;
	rest->at++, rest->length--;
	if (*argument < 24)
		return 1;
	if (*argument > 27)
		return 0;
	more = (size_t)1 << (*argument - 24);
	if (rest->length < more)
		return 0;
	*argument = 0;
	for (size_t i = 0; i < more; ++i, rest->at++, rest->length--)
		*argument = *argument << 8 | rest->at[0];
	return more == 1 ? *argument >= 24 : *argument >> 4 * more != 0;
}

static int byte_string(struct part *rest, struct part *value)
{
	int major;
	uint64_t length;

	if (!head(rest, &major, &length) || major != 2 || length > rest->length)
		return 0;
	*value = (struct part){ rest->at, (size_t)length };
	rest->at += length, rest->length -= (size_t)length;
	return 1;
}

static int literally(struct part *rest, const char *bytes, size_t length)
{
	if (rest->length < length || memcmp(rest->at, bytes, length) != 0)
		return 0;
	rest->at += length, rest->length -= length;
	return 1;
}
#define LITERALLY(rest, bytes) literally(rest, bytes, sizeof(bytes) - 1)

/* One item of any type that EPP/1 has, not deeper than `depth`. Moves on. */
static int skip(struct part *rest, int depth)
{
	int major;
	uint64_t argument;

	if (depth == 0 || !head(rest, &major, &argument))
		return 0;
	switch (major) {
	case 2:
	case 3:
		if (argument > rest->length)
			return 0;
		rest->at += argument, rest->length -= (size_t)argument;
		return 1;
	case 4:
	case 5:
		for (uint64_t items = argument * (uint64_t)(major - 3); items > 0; --items)
			if (!skip(rest, depth - 1))
				return 0;
		return 1;
	case 6:
		return 0;
	case 7:
		return argument >= 20 && argument <= 22;
	default:
		return 1;
	}
}

/* --- keys --- */

static int derived(const struct purse *purse, const uint8_t *salt, size_t salt_length, const char *info, uint8_t *out,
		   size_t length)
{
	uint8_t prk[32];

	return hkdf_sha256_extract(salt, salt_length, purse->scheme_key, 32, prk) &&
	       hkdf_sha256_expand(prk, (const uint8_t *)info, strlen(info), out, length);
}

int epp_member(const struct purse *purse, const uint8_t *before, size_t length, uint8_t mac[MEMBER_MAC])
{
	uint8_t key[32], full[32];

	if (!derived(purse, NULL, 0, "EPP/1 member", key, 32) || !hmac_sha256(key, 32, before, length, full))
		return 0;
	memcpy(mac, full, MEMBER_MAC);
	return 1;
}

int epp_is_member(struct purse *purse, const uint8_t *message_1, size_t length)
{
	uint8_t item[MEMBER_ITEM] = { 0x39, 0xfd, 0xe9, 0x50 };

	if (length >= MEMBER_ITEM && epp_member(purse, message_1, length - MEMBER_ITEM, item + 4) &&
	    CRYPTO_memcmp(message_1 + length - MEMBER_ITEM, item, MEMBER_ITEM) == 0)
		return 1;
	purse->code = "authentication";
	return 0;
}

int epp_seal(const struct purse *purse, uint8_t sealed[SEALED])
{
	uint8_t key[44];

	return RAND_bytes(sealed, NONCE) == 1 && derived(purse, sealed, NONCE, "EPP/1 sealed purse ID", key, 44) &&
	       aead_seal(4, key, key + 32, NULL, 0, purse->purse_id, PADDED, sealed + NONCE);
}

/* --- purse IDs --- */

/* [protected, {}, payload, signature] by the device key; the payload begins with the purse key. */
static int read_purse_id(struct purse *purse)
{
	static const char context[] = "EPP/1 purse ID";
	struct part rest = { purse->peer_id, purse->peer_id_length }, protected, payload, signature, claims;
	uint8_t signed_bytes[PADDED + 64], *end = signed_bytes;
	const uint8_t *payload_at;

	if (!LITERALLY(&rest, "\x84") || !byte_string(&rest, &protected) || !LITERALLY(&rest, "\xa0"))
		return 0;
	payload_at = rest.at;
	if (!byte_string(&rest, &payload))
		return 0;
	size_t encoded = (size_t)(rest.at - payload_at);
	if (!byte_string(&rest, &signature) || signature.length != 64 || rest.length != 0 || protected.length != 13)
		return 0;
	memcpy(end, "\x84\x6aSignature1\x4d", 13), end += 13;
	memcpy(end, protected.at, 13), end += 13;
	memcpy(end, "\x4e", 1), end += 1;
	memcpy(end, context, sizeof(context) - 1), end += sizeof(context) - 1;
	memcpy(end, payload_at, encoded), end += encoded;
	if (!ed25519_verify(purse->device_key, signed_bytes, (size_t)(end - signed_bytes), signature.at))
		return 0;
	claims = payload;
	if (!LITERALLY(&claims, "\xa2\x08\xa1\x01\xa3\x01\x01\x20\x06\x21\x58\x20") || claims.length < 32)
		return 0;
	memcpy(purse->peer_key, claims.at, 32);
	return 1;
}

/* One item, and zeros after it. */
static int unpad(struct purse *purse)
{
	struct part rest = { purse->peer_id, PADDED };

	if (!skip(&rest, 16))
		return 0;
	purse->peer_id_length = PADDED - rest.length;
	for (size_t i = 0; i < rest.length; ++i)
		if (rest.at[i] != 0)
			return 0;
	return 1;
}

int epp_peer(struct purse *purse, const struct item *items, size_t count)
{
	const struct part *sealed = NULL;
	uint8_t key[44];

	purse->code = "authentication";
	for (size_t i = 0; i < count; ++i) {
		if (items[i].label != LABEL_PURSE_ID && items[i].label != -LABEL_PURSE_ID)
			continue;
		if (sealed != NULL || items[i].label > 0)
			return 0;
		sealed = &items[i].value;
	}
	if (sealed == NULL || sealed->length != SEALED)
		return 0;
	if (!derived(purse, sealed->at, NONCE, "EPP/1 sealed purse ID", key, 44) ||
	    !aead_open(4, key, key + 32, NULL, 0, sealed->at + NONCE, SEALED - NONCE, purse->peer_id) || !unpad(purse) ||
	    !read_purse_id(purse))
		return 0;
	purse->code = NULL;
	return 1;
}

void epp_choose_suite(struct purse *purse, const uint8_t *message_1, size_t length)
{
	struct part rest = { message_1, length };
	uint64_t count = 1, suite;
	int major;

	purse->suite = 4;
	if (!skip(&rest, 1) || (rest.length > 0 && rest.at[0] >> 5 == 4 && !head(&rest, &major, &count)))
		return;
	for (; count > 0 && head(&rest, &major, &suite); --count) {
		if (major == 0 && (suite == 4 || (suite == 0 && purse->has_suite_0))) {
			purse->suite = (int)suite;
			return;
		}
	}
}

int epp_items(struct purse *purse, int message, const struct item *items, size_t count)
{
	const struct item *version = NULL;
	int members = 0;

	purse->code = "malformed";
	for (size_t i = 0; i < count; ++i) {
		int64_t label = items[i].label < 0 ? -items[i].label : items[i].label;

		if (label == LABEL_VERSION && message <= 2) {
			if (version != NULL || items[i].label > 0)
				return 0;
			version = &items[i];
		} else if (label == LABEL_MEMBER && message == 1) {
			members++;
		} else if (items[i].label < 0 && !(label == LABEL_PURSE_ID && (message == 2 || message == 3))) {
			return 0;
		}
	}
	if (message <= 2) {
		/* [1] in EAD_1, 1 in EAD_2: the only version there is */
		struct part value = version == NULL ? (struct part){ NULL, 0 } : version->value;
		int good = message == 1 ? LITERALLY(&value, "\x81\x01") : LITERALLY(&value, "\x01");

		if (!good || value.length != 0) {
			purse->code = "version";
			return 0;
		}
	}
	if (message == 1 && members != 1) {
		purse->code = "authentication";
		return 0;
	}
	purse->code = NULL;
	return 1;
}

/* --- lines and arguments --- */

static size_t from_hex(const char *text, uint8_t *out, size_t size)
{
	size_t length = 0;
	unsigned value;

	while (length < size && sscanf(text + 2 * length, "%2x", &value) == 1)
		out[length++] = (uint8_t)value;
	return length;
}

void epp_tell(const char *name, const uint8_t *value, size_t length)
{
	printf("%s ", name);
	for (size_t i = 0; i < length; ++i)
		printf("%02x", value[i]);
	printf("\n");
	fflush(stdout);
}

void epp_send(const uint8_t *message, size_t length)
{
	epp_tell("send", message, length);
}

size_t epp_receive(uint8_t message[MAX_MESSAGE])
{
	static char line[8 * MAX_MESSAGE];
	static const struct purse too_large = { .code = "too-large" };

	if (fgets(line, sizeof(line), stdin) == NULL)
		return 0;
	line[strcspn(line, "\n")] = 0;
	if (strlen(line) > 2 * MAX_MESSAGE && line[0] >= '4') {
		epp_refuse(&too_large, "message", 0);
		return 0;
	}
	return from_hex(line, message, MAX_MESSAGE);
}

int epp_is_error(const uint8_t *message, size_t length)
{
	if (length == 0 || message[0] >= 0x40)
		return 0;
	epp_tell("peer-error", message, length);
	return 1;
}

int epp_is_error_1(const uint8_t *message, size_t length)
{
	struct part rest = { message, length };

	return length > 0 && message[0] < 0x40 && skip(&rest, 1) && skip(&rest, 16) && rest.length == 0 &&
	       epp_is_error(message, length);
}

int epp_refuse(const struct purse *purse, const char *where, int status)
{
	static const uint8_t error[] = { 0x01, 0x60 };

	epp_send(error, sizeof(error));
	printf("refused %s %d %s\n", where, status, purse->code == NULL ? "library" : purse->code);
	return 1;
}

int epp_arguments(struct purse *purse, int count, char **arguments)
{
	memset(purse, 0, sizeof(*purse));
	for (int i = 1; i < count; ++i) {
		char *value = strchr(arguments[i], '=');

		if (value == NULL)
			return 0;
		*value++ = 0;
		if (strcmp(arguments[i], "role") == 0)
			purse->initiates = strcmp(value, "initiator") == 0;
		else if (strcmp(arguments[i], "suite") == 0)
			purse->suite = atoi(value), purse->has_suite_0 = purse->suite == 0;
		else if (strcmp(arguments[i], "connection-id") == 0)
			purse->connection_id_length = from_hex(value, purse->connection_id, sizeof(purse->connection_id));
		else if (strcmp(arguments[i], "scheme-key") == 0)
			from_hex(value, purse->scheme_key, 32);
		else if (strcmp(arguments[i], "key") == 0)
			from_hex(value, purse->key, 32);
		else if (strcmp(arguments[i], "device-key") == 0)
			from_hex(value, purse->device_key, 32);
		else if (strcmp(arguments[i], "purse-id") == 0)
			purse->purse_id_length = from_hex(value, purse->purse_id, PADDED);
		else
			return 0;
	}
	return 1;
}
