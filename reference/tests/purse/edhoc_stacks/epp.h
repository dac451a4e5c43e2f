/* What EPP/1 adds to EDHOC (chapters 3 and 5): the parts that are the same for every EDHOC library. */
#ifndef EPP_H
#define EPP_H

#include <stddef.h>
#include <stdint.h>

#define LABEL_VERSION 65001
#define LABEL_MEMBER 65002
#define LABEL_PURSE_ID 65003
#define PADDED 256 /* a purse ID and the zeros after it */
#define SEALED 288
#define MAX_MESSAGE 2048
#define MEMBER_MAC 16
#define MEMBER_ITEM 20

/* Where a value is, in bytes that somebody else holds. */
struct part {
	const uint8_t *at;
	size_t length;
};

/* One side: read from the command line, NAME=VALUE. */
struct purse {
	int initiates;
	int suite; /* of the session */
	int has_suite_0; /* beside suite 4, as responder */
	uint8_t connection_id[256];
	size_t connection_id_length;
	uint8_t scheme_key[32];
	uint8_t key[32]; /* Ed25519 seed */
	uint8_t purse_id[PADDED]; /* CRED_x, and zeros */
	size_t purse_id_length;
	uint8_t device_key[32];
	uint8_t peer_id[PADDED]; /* the peer's, once it is unsealed */
	size_t peer_id_length;
	uint8_t peer_key[32];
	const char *code; /* of chapter 10, why the last message was refused */
};

int epp_arguments(struct purse *purse, int count, char **arguments);

/* One EAD item. */
struct item {
	int64_t label;
	int has_value;
	struct part value;
};

/* `EPP member` of a message_1 that stands in `before` (EPP-SES-037). */
int epp_member(const struct purse *purse, const uint8_t *before, size_t length, uint8_t mac[MEMBER_MAC]);
/* The value of `EPP purse ID`: our own purse ID, padded and sealed afresh (EPP-PID-030). */
int epp_seal(const struct purse *purse, uint8_t sealed[SEALED]);
/* The peer's purse ID and key out of the items of EAD_2 or EAD_3 (EPP-PID-001, 002, 010, 013, 014, 031). */
int epp_peer(struct purse *purse, const struct item *items, size_t count);
/* The other items of EAD_1 to EAD_4 (EPP-SES-006 to 010, 034); `message` is 1 to 4. */
int epp_items(struct purse *purse, int message, const struct item *items, size_t count);
/* The suite of a responder: of those that it has, the first in SUITES_I (EPP-SES-005); 4 where none is. */
void epp_choose_suite(struct purse *purse, const uint8_t *message_1, size_t length);
/* Whether message_1 ends with the right `EPP member` (EPP-SES-038). */
int epp_is_member(struct purse *purse, const uint8_t *message_1, size_t length);

/* One message to the peer, and one from it; lines of hexadecimal digits. 0: there is none, or it was refused as
 * too large (EPP-SES-026). */
void epp_send(const uint8_t *message, size_t length);
size_t epp_receive(uint8_t message[MAX_MESSAGE]);
void epp_tell(const char *name, const uint8_t *value, size_t length);
/* Answer with an EDHOC error (EPP-SES-016), and say why. Returns 1, for exit. */
int epp_refuse(const struct purse *purse, const char *where, int status);
/* Whether a message is an EDHOC error, where a byte string is due (EPP-SES-018); then says so. */
int epp_is_error(const uint8_t *message, size_t length);
/* Whether one stands in place of message_1: two items, the first an integer (EPP-SES-032); then says so. */
int epp_is_error_1(const uint8_t *message, size_t length);

#endif
