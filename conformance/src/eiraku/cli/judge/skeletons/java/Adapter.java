// An adapter in Java 17 or later without libraries: it speaks the protocol and has no wallet behind it.
//
// Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public final class Adapter {
  private static final long SUPPORTED_PROTOCOL = 1;
  private boolean stopped;

  /** The input is at fault, and the wallet knows why: code is a name of chapter 10 of the specification. */
  @SuppressWarnings("serial")
  private static final class Refusal extends Exception {
    private final String code;
    private final byte[] out; // what the wallet answers its peer, null for nothing

    Refusal(String code, byte[] out) {
      super(code);
      this.code = code;
      this.out = out;
    }
  }

  /** What the wallet wants to tell its peer, and whether the session is now open or closed. */
  private static Map<String, Object> progress(byte[] out, String session) {
    return fields("out", out == null ? null : HexFormat.of().formatHex(out), "session", session);
  }

  // One method per verb. It returns the fields of an accepted response. It throws Refusal if the input is at
  // fault; any other exception is the wallet's own fault, and is answered errored.

  private Map<String, Object> start(Map<String, Object> request) {
    Map<String, Object> protocol = object(request, "protocol");
    if ((Long) protocol.get("min") > SUPPORTED_PROTOCOL || (Long) protocol.get("max") < SUPPORTED_PROTOCOL) {
      throw new IllegalArgumentException("this adapter speaks protocol " + SUPPORTED_PROTOCOL + " only");
    }
    // HERE: keep seed if the wallet can draw all its randomness from it; then declare "deterministic".
    return fields(
        "protocol", SUPPORTED_PROTOCOL, "name", "Skeleton", "version", "0",
        // Declare what works. All five are needed to certify; "suite-0" and "deterministic" are optional.
        "capabilities", List.of("initiator", "responder", "payer", "payee", "power-cut"),
        // HERE: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more.
        "room", fields("capacity", 256, "max_bulletin", 65536, "max_record", 32768,
            "max_given", 1024, "max_credited", 1024, "max_seen", 4096));
  }

  private Map<String, Object> reset() {
    // HERE: forget the purse, the money and the session.
    return fields();
  }

  private Map<String, Object> provision(Map<String, Object> request) throws Refusal {
    HexFormat.of().parseHex((String) object(request, "purse").get("private_key"));
    // HERE: give the wallet its purse, anchor, policy, bulletin and holdings; refuse only what does not fit.
    throw new Refusal("provision", null);
  }

  private Map<String, Object> act(Map<String, Object> request) throws Refusal {
    // HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and scheme-key
    // are deliveries.
    throw new Refusal("not-provisioned", null);
  }

  private Map<String, Object> open(Map<String, Object> request) throws Refusal {
    // HERE: an initiator returns progress(message1, "open"), a responder progress(null, "open").
    throw new Refusal("not-provisioned", null);
  }

  private Map<String, Object> deliver(Map<String, Object> request) throws Refusal {
    HexFormat.of().parseHex((String) request.get("data"));
    // HERE: give the bytes to the wallet, and return progress(its answer, "open" or "closed").
    throw new Refusal("unexpected-message", null);
  }

  private Map<String, Object> state() {
    // HERE: read all of it from durable storage. The digest changes if and only if something else does.
    return fields("balance", 0, "epoch", 0, "units", List.of(), "pending", List.of(), "credited", List.of(),
        "settled", List.of(), "writes", 0, "digest", HexFormat.of().formatHex(new byte[32]));
  }

  private Map<String, Object> powerCut(Map<String, Object> request) {
    // HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
    // write-th durable write from now; the request it happens in is answered with the outcome power-cut. As
    // long as nothing is ever written, there is nothing to lose.
    return fields();
  }

  private Map<String, Object> stop() {
    stopped = true;
    return fields();
  }

  private Map<String, Object> accepted(String verb, Map<String, Object> request) throws Refusal {
    return switch (verb) {
      case "start" -> start(request);
      case "reset" -> reset();
      case "provision" -> provision(request);
      case "act" -> act(request);
      case "open" -> open(request);
      case "deliver" -> deliver(request);
      case "state" -> state();
      case "power_cut" -> powerCut(request);
      case "stop" -> stop();
      default -> null;
    };
  }

  /** The response to one line, whatever stands in it. */
  private Map<String, Object> answer(String line) {
    Object parsed = null;
    try {
      parsed = new Json(line).whole();
    } catch (IllegalArgumentException error) {
      System.err.println(error); // kept for the report; standard output is for responses only
    }
    if (!(parsed instanceof Map<?, ?> found) || !(found.get("seq") instanceof Long seq)) {
      return fields("seq", 0, "outcome", "errored", "detail", "expected a JSON object with an integer seq");
    }
    Map<String, Object> request = object(fields("request", parsed), "request");
    String verb = String.valueOf(request.get("verb"));
    Map<String, Object> response = fields("seq", seq, "outcome", "accepted");
    try {
      Map<String, Object> result = accepted(verb, request);
      if (result == null) {
        response.put("outcome", "unsupported");
      } else {
        response.putAll(result);
      }
    } catch (Refusal refusal) {
      response.putAll(fields("outcome", "rejected", "code", refusal.code));
      if (verb.equals("open") || verb.equals("deliver")) {
        response.putAll(progress(refusal.out, "closed"));
      }
    } catch (RuntimeException error) {
      error.printStackTrace();
      response.putAll(fields("outcome", "errored", "detail", error.toString()));
    }
    return response;
  }

  public static void main(String[] arguments) throws IOException {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    var adapter = new Adapter();
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Map<String, Object> response = adapter.answer(line);
      output.print(Json.write(response) + "\n");
      output.flush();
      if (adapter.stopped) {
        break;
      }
    }
  }

  /** Names and values in turn. */
  private static Map<String, Object> fields(Object... pairs) {
    Map<String, Object> found = new LinkedHashMap<>();
    for (int at = 0; at < pairs.length; at += 2) {
      found.put((String) pairs[at], pairs[at + 1]);
    }
    return found;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> object(Map<String, Object> fields, String name) {
    return (Map<String, Object>) fields.get(name);
  }

  /** JSON with integers only, since the protocol has no others; any JSON library does it as well. */
  private static final class Json {
    private static final int DEEPEST = 32;
    private final String text;
    private int at;

    Json(String text) {
      this.text = text;
    }

    /** The one value in the text. Throws IllegalArgumentException. */
    Object whole() {
      Object found = value(0);
      if (peek() != '\0' || at < text.length()) {
        throw wrong("the end");
      }
      return found;
    }

    private Object value(int depth) {
      char first = peek();
      if (depth > DEEPEST) {
        throw wrong("at most " + DEEPEST + " levels");
      } else if (first == '{') {
        Map<String, Object> found = new LinkedHashMap<>();
        for (boolean more = begins('}'); more; more = goesOn('}')) {
          String name = string();
          if (peek() != ':') {
            throw wrong("a colon");
          }
          at++;
          found.put(name, value(depth + 1));
        }
        return found;
      } else if (first == '[') {
        List<Object> found = new ArrayList<>();
        for (boolean more = begins(']'); more; more = goesOn(']')) {
          found.add(value(depth + 1));
        }
        return found;
      } else if (first == '"') {
        return string();
      }
      int start = at;
      while (at < text.length() && "-+.0123456789abcdefghijklmnopqrstuvwxyz".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      String word = text.substring(start, at);
      return switch (word) {
        case "true" -> true;
        case "false" -> false;
        case "null" -> null;
        default -> Long.valueOf(word); // throws NumberFormatException, which is an IllegalArgumentException
      };
    }

    /** The next character that is no blank, NUL at the end. */
    private char peek() {
      while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      return at < text.length() ? text.charAt(at) : '\0';
    }

    private boolean begins(char end) {
      at++;
      boolean more = peek() != end;
      at += more ? 0 : 1;
      return more;
    }

    private boolean goesOn(char end) {
      char found = peek();
      at++;
      if (found != end && found != ',') {
        throw wrong("a comma or " + end);
      }
      return found == ',';
    }

    private String string() {
      if (peek() != '"') {
        throw wrong("a string");
      }
      var found = new StringBuilder();
      for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
        char next = text.charAt(at);
        if (next != '\\') {
          found.append(next);
          continue;
        }
        if (++at + 4 >= text.length()) {
          throw wrong("an escape");
        }
        next = text.charAt(at);
        int escaped = "\"\\/bfnrt".indexOf(next);
        if (next == 'u') {
          found.append((char) Integer.parseInt(text, at + 1, at + 5, 16));
          at += 4;
        } else if (escaped >= 0) {
          found.append("\"\\/\b\f\n\r\t".charAt(escaped));
        } else {
          throw wrong("an escape");
        }
      }
      if (at == text.length()) {
        throw wrong("a quote");
      }
      at++;
      return found.toString();
    }

    private IllegalArgumentException wrong(String expected) {
      return new IllegalArgumentException("no JSON: expected " + expected + " at character " + at);
    }

    static String write(Object value) {
      if (value instanceof Map<?, ?> map) {
        List<String> found = new ArrayList<>();
        map.forEach((name, each) -> found.add(write(name) + ":" + write(each)));
        return "{" + String.join(",", found) + "}";
      } else if (value instanceof List<?> list) {
        return "[" + String.join(",", list.stream().map(Json::write).toList()) + "]";
      } else if (value instanceof String text) {
        var found = new StringBuilder("\"");
        for (char next : text.toCharArray()) {
          found.append(next < ' ' || next == '"' || next == '\\' ? String.format("\\u%04x", (int) next) : next);
        }
        return found.append('"').toString();
      }
      return String.valueOf(value);
    }
  }
}
