/* An adapter in C11 without libraries: it speaks the protocol and has no wallet behind it.
 *
 * Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.
 */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- JSON: enough to check a line and to find fields in it, without copying ------------------------------ */

enum { DEEPEST = 32 };

static const char *value_end(const char *at, int depth);

static const char *blanks(const char *at) { return at + strspn(at, " \t\r\n"); }

/* Where the string at `at` ends, NULL if there is none. */
static const char *string_end(const char *at) {
  if (*at++ != '"') return NULL;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return NULL;
    if (*at == '\\' && (*++at == '\0' || !strchr("\"\\/bfnrtu", *at))) return NULL;
  }
  return at + 1;
}

static const char *list_end(const char *at, char end, int depth) {
  at = blanks(at + 1);
  if (*at == end) return at + 1;
  for (;; at = blanks(at + 1)) {
    if (end == '}') {
      if (!(at = string_end(at)) || *(at = blanks(at)) != ':') return NULL;
      at = blanks(at + 1);
    }
    if (!(at = value_end(at, depth + 1))) return NULL;
    at = blanks(at);
    if (*at == end) return at + 1;
    if (*at != ',') return NULL;
  }
}

/* Where the value at `at` ends, NULL if it is none. Takes some numbers that JSON does not. */
static const char *value_end(const char *at, int depth) {
  static const char *const words[] = {"true", "false", "null"};
  if (depth > DEEPEST) return NULL;
  if (*at == '{') return list_end(at, '}', depth);
  if (*at == '[') return list_end(at, ']', depth);
  if (*at == '"') return string_end(at);
  for (size_t i = 0; i < 3; i++)
    if (strncmp(at, words[i], strlen(words[i])) == 0) return at + strlen(words[i]);
  size_t digits = strspn(at, "+-.0123456789eE");
  return digits && (isdigit((unsigned char)*at) || *at == '-') ? at + digits : NULL;
}

typedef struct {
  const char *at; /* NULL: there is no such field */
  size_t size;
} Text;

/* The field of an object that has been checked, as it stands in the line: a string with its quotes. */
static Text field(const char *object, const char *name) {
  if (!object || *object != '{') return (Text){NULL, 0};
  for (const char *at = blanks(object + 1); *at == '"';) {
    const char *key = at + 1, *key_end = string_end(at);
    const char *found = blanks(blanks(key_end) + 1), *end = value_end(found, 0);
    if ((size_t)(key_end - 1 - key) == strlen(name) && strncmp(key, name, strlen(name)) == 0)
      return (Text){found, (size_t)(end - found)};
    at = blanks(end);
    if (*at == ',') at = blanks(at + 1);
  }
  return (Text){NULL, 0};
}

/* Whether a field is this string. Only `reference` may have escapes in it. */
static int is(Text text, const char *word) {
  return text.size == strlen(word) + 2 && *text.at == '"' && strncmp(text.at + 1, word, text.size - 2) == 0;
}

static int is_integer(Text text) {
  return text.size && text.size < 20 && strspn(text.at, "0123456789") == text.size;
}

static long long integer(Text text) { return is_integer(text) ? atoll(text.at) : -1; }

/* The bytes of a hexadecimal string, to be freed; NULL if it is none. */
static unsigned char *bytes(Text text, size_t *size) {
  if (text.size < 2 || text.size % 2 || *text.at != '"') return NULL;
  *size = text.size / 2 - 1;
  unsigned char *found = malloc(*size + 1);
  for (size_t i = 0; found && i < *size; i++) {
    unsigned int byte;
    const char *digits = text.at + 1 + 2 * i;
    if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1])) return free(found), NULL;
    sscanf(digits, "%2x", &byte);
    found[i] = (unsigned char)byte;
  }
  return found;
}

/* --- the verbs ------------------------------------------------------------------------------------------- */

#define ACCEPTED "\"outcome\":\"accepted\""
/* The input is at fault, and the wallet knows why: `code` is a name of chapter 10 of the specification. */
#define REJECTED(code) "\"outcome\":\"rejected\",\"code\":\"" code "\""
#define ERRORED(detail) "\"outcome\":\"errored\",\"detail\":\"" detail "\""

/* An outcome with what the wallet tells its peer (NULL for nothing), and whether the session is now open. */
static const char *progress(const char *outcome, const unsigned char *out, size_t size, int open) {
  static char *kept;
  size_t used, room = strlen(outcome) + 2 * size + 64;
  free(kept);
  if (!(kept = malloc(room))) exit(1);
  used = (size_t)sprintf(kept, "%s,\"out\":%s", outcome, out ? "\"" : "null");
  for (size_t i = 0; out && i < size; i++) used += (size_t)sprintf(kept + used, "%02x", out[i]);
  snprintf(kept + used, room - used, "%s,\"session\":\"%s\"", out ? "\"" : "", open ? "open" : "closed");
  return kept;
}

/* One function per verb. It gets the request and returns the response after its seq. */
static const char *start(const char *request) {
  const char *protocol = field(request, "protocol").at;
  long long min = integer(field(protocol, "min")), max = integer(field(protocol, "max"));
  if (min < 0 || min > 1 || max < 1) return ERRORED("this adapter speaks protocol 1 only");
  /* HERE: keep seed if the wallet can draw all its randomness from it; then declare "deterministic".
   * Declare what works. The five below are needed to certify; "suite-0" and "deterministic" are optional.
   * room: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more. */
  return ACCEPTED ",\"protocol\":1,\"name\":\"Skeleton\",\"version\":\"0\",\"capabilities\":[\"initiator\","
                  "\"responder\",\"payer\",\"payee\",\"power-cut\"],\"room\":{\"capacity\":256,"
                  "\"max_bulletin\":65536,\"max_record\":32768,\"max_given\":1024,\"max_credited\":1024,"
                  "\"max_seen\":4096}";
}

static const char *reset(const char *request) {
  (void)request;
  /* HERE: forget the purse, the money and the session. */
  return ACCEPTED;
}

static const char *provision(const char *request) {
  size_t size;
  unsigned char *key = bytes(field(field(request, "purse").at, "private_key"), &size);
  if (!key) return ERRORED("purse.private_key: expected hexadecimal digits");
  /* HERE: give the wallet its purse, anchor, policy, bulletin and holdings; refuse only what does not fit. */
  free(key);
  return REJECTED("provision");
}

static const char *act(const char *request) {
  (void)request;
  /* HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and scheme-key
   * are deliveries. */
  return REJECTED("not-provisioned");
}

static const char *open_session(const char *request) {
  (void)request;
  /* HERE: an initiator returns progress(ACCEPTED, message_1, size, 1), a responder (ACCEPTED, NULL, 0, 1). */
  return progress(REJECTED("not-provisioned"), NULL, 0, 0);
}

static const char *deliver(const char *request) {
  size_t size;
  unsigned char *data = bytes(field(request, "data"), &size);
  if (!data) return ERRORED("data: expected hexadecimal digits");
  /* HERE: give the bytes to the wallet, and return progress(ACCEPTED, its answer, size, whether it goes on). */
  free(data);
  return progress(REJECTED("unexpected-message"), NULL, 0, 0);
}

static const char *state(const char *request) {
  (void)request;
  /* HERE: read all of it from durable storage. The digest changes if and only if something else does. */
  return ACCEPTED ",\"balance\":0,\"epoch\":0,\"units\":[],\"pending\":[],\"credited\":[],\"settled\":[],"
                  "\"writes\":0,\"digest\":\"0000000000000000000000000000000000000000000000000000000000000000\"";
}

static const char *power_cut(const char *request) {
  (void)request;
  /* HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
   * write-th durable write from now; the request it happens in is answered with the outcome power-cut. As long
   * as nothing is ever written, there is nothing to lose. */
  return ACCEPTED;
}

static const char *stop(const char *request) {
  (void)request;
  return ACCEPTED;
}

static const struct {
  const char *name;
  const char *(*answer)(const char *request);
} verbs[] = {
    {"start", start},     {"reset", reset},     {"provision", provision},
    {"act", act},         {"open", open_session}, {"deliver", deliver},
    {"state", state},     {"power_cut", power_cut}, {"stop", stop},
};

/* Answers one line, whatever stands in it; whether it was the last. */
static int answer(const char *line, size_t size) {
  const char *request = blanks(line), *end = value_end(request, 0), *said = "\"outcome\":\"unsupported\"";
  Text seq = {NULL, 0}, verb;
  int last = 0;
  if (strlen(line) == size && end && *blanks(end) == '\0') seq = field(request, "seq");
  if (!is_integer(seq)) {
    printf("{\"seq\":0," ERRORED("expected a JSON object with an integer seq") "}\n");
    return 0;
  }
  verb = field(request, "verb");
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (is(verb, verbs[i].name)) {
      said = verbs[i].answer(request);
      last = verbs[i].answer == stop;
    }
  printf("{\"seq\":%.*s,%s}\n", (int)seq.size, seq.at, said);
  return last;
}

int main(void) {
  char *line = NULL;
  size_t room = 0;
  ssize_t size;
  setvbuf(stdout, NULL, _IOLBF, 0); /* each response leaves at once */
  while ((size = getline(&line, &room, stdin)) >= 0)
    if (answer(line, (size_t)size)) break;
  free(line);
  return 0;
}
