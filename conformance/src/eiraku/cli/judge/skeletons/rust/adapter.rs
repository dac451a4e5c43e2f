//! An adapter in Rust without crates: it speaks the protocol and has no wallet behind it.
//!
//! Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.

use std::io::{self, BufRead, Write};

// --- JSON: enough to check a line and to find fields in it, without copying; serde_json does it all -----------

const DEEPEST: usize = 32;

/// Where the blanks at `at` end.
fn blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    loop {
        at += 1;
        match text.get(at)? {
            b'"' => return Some(at + 1),
            0..=0x1f => return None,
            b'\\' if br#""\/bfnrtu"#.contains(text.get(at + 1)?) => at += 1,
            b'\\' => return None,
            _ => {}
        }
    }
}

fn list_end(text: &[u8], at: usize, end: u8, depth: usize) -> Option<usize> {
    let mut at = blanks(text, at + 1);
    if text.get(at) == Some(&end) {
        return Some(at + 1);
    }
    loop {
        if end == b'}' {
            at = blanks(text, string_end(text, at)?);
            if text.get(at) != Some(&b':') {
                return None;
            }
            at = blanks(text, at + 1);
        }
        at = blanks(text, value_end(text, at, depth + 1)?);
        match text.get(at)? {
            b',' => at = blanks(text, at + 1),
            found if *found == end => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Where the value at `at` ends. Takes some numbers that JSON does not.
fn value_end(text: &[u8], at: usize, depth: usize) -> Option<usize> {
    if depth > DEEPEST {
        return None;
    }
    match text.get(at)? {
        b'{' => list_end(text, at, b'}', depth),
        b'[' => list_end(text, at, b']', depth),
        b'"' => string_end(text, at),
        b'-' | b'0'..=b'9' => {
            let digits = text[at..].iter().take_while(|byte| b"+-.0123456789eE".contains(*byte));
            Some(at + digits.count())
        }
        _ => [&b"true"[..], b"false", b"null"]
            .iter()
            .find(|word| text[at..].starts_with(word))
            .map(|word| at + word.len()),
    }
}

/// The field of an object that has been checked, as it stands in the line: a string with its quotes.
fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let text = object.as_bytes();
    if text.first() != Some(&b'{') {
        return None;
    }
    let mut at = blanks(text, 1);
    while let Some(key_end) = string_end(text, at) {
        let found = blanks(text, blanks(text, key_end) + 1);
        let end = value_end(text, found, 0)?;
        if &object[at + 1..key_end - 1] == name {
            return Some(&object[found..end]);
        }
        at = blanks(text, blanks(text, end) + 1);
    }
    None
}

/// A string without its quotes. Only `reference` may have escapes in it.
fn string<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    field(object, name)?.strip_prefix('"')?.strip_suffix('"')
}

fn integer(object: &str, name: &str) -> Option<u64> {
    field(object, name)?.parse().ok()
}

/// The bytes of a hexadecimal string.
fn bytes(object: &str, name: &str) -> Option<Vec<u8>> {
    let digits = string(object, name)?.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.contains('+'))?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

// --- the verbs ------------------------------------------------------------------------------------------------

/// What a verb comes to: the fields of an accepted response, each after a comma, or why not.
type Answer = Result<String, Fault>;

enum Fault {
    /// The input is at fault, and the wallet knows why: a name of chapter 10 of the specification, and what the
    /// wallet answers its peer.
    Refused(&'static str, Option<Vec<u8>>),
    /// The wallet itself is at fault, or the request is not what the protocol says; no quotes within.
    Errored(&'static str),
}

/// What the wallet wants to tell its peer, and whether the session is now open or closed.
fn progress(out: Option<&[u8]>, session: &str) -> String {
    let out = out.map_or("null".to_string(), |data| format!("\"{}\"", hex(data)));
    format!(r#","out":{out},"session":"{session}""#)
}

fn start(request: &str) -> Answer {
    let protocol = field(request, "protocol").unwrap_or("{}");
    match (integer(protocol, "min"), integer(protocol, "max")) {
        (Some(min), Some(max)) if min <= 1 && 1 <= max => {}
        _ => return Err(Fault::Errored("this adapter speaks protocol 1 only")),
    }
    // HERE: keep seed if the wallet can draw all its randomness from it; then declare "deterministic".
    // Declare what works. The five below are needed to certify; "suite-0" and "deterministic" are optional.
    // room: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more.
    Ok(concat!(
        r#","protocol":1,"name":"Skeleton","version":"0","#,
        r#""capabilities":["initiator","responder","payer","payee","power-cut"],"#,
        r#""room":{"capacity":256,"max_bulletin":65536,"max_record":32768,"#,
        r#""max_given":1024,"max_credited":1024,"max_seen":4096}"#
    )
    .to_string())
}

fn reset() -> Answer {
    // HERE: forget the purse, the money and the session.
    Ok(String::new())
}

fn provision(request: &str) -> Answer {
    let purse = field(request, "purse").unwrap_or("{}");
    bytes(purse, "private_key").ok_or(Fault::Errored("purse.private_key: expected hexadecimal digits"))?;
    // HERE: give the wallet its purse, anchor, policy, bulletin and holdings; refuse only what does not fit.
    Err(Fault::Refused("provision", None))
}

fn act() -> Answer {
    // HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and scheme-key
    // are deliveries.
    Err(Fault::Refused("not-provisioned", None))
}

fn open() -> Answer {
    // HERE: an initiator returns Ok(progress(Some(&message_1), "open")), a responder Ok(progress(None, "open")).
    Err(Fault::Refused("not-provisioned", None))
}

fn deliver(request: &str) -> Answer {
    bytes(request, "data").ok_or(Fault::Errored("data: expected hexadecimal digits"))?;
    // HERE: give the bytes to the wallet, and return Ok(progress(its answer, "open" or "closed")).
    Err(Fault::Refused("unexpected-message", None))
}

fn state() -> Answer {
    // HERE: read all of it from durable storage. The digest changes if and only if something else does.
    let digest = hex(&[0; 32]);
    let empty = r#""units":[],"pending":[],"credited":[],"settled":[]"#;
    Ok(format!(r#","balance":0,"epoch":0,{empty},"writes":0,"digest":"{digest}""#))
}

fn power_cut() -> Answer {
    // HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
    // write-th durable write from now; the request it happens in is answered with the outcome power-cut. As long
    // as nothing is ever written, there is nothing to lose.
    Ok(String::new())
}

/// The response to one line, whatever stands in it, and whether it is the last.
fn answer(line: &[u8]) -> (String, bool) {
    let line = std::str::from_utf8(line).unwrap_or("").trim();
    let whole = value_end(line.as_bytes(), 0, 0) == Some(line.len());
    let Some(seq) = Some(line).filter(|_| whole).and_then(|line| integer(line, "seq")) else {
        let why = "expected a JSON object with an integer seq";
        return (format!(r#"{{"seq":0,"outcome":"errored","detail":"{why}"}}"#), false);
    };
    let verb = string(line, "verb").unwrap_or("");
    let result = match verb {
        "start" => start(line),
        "reset" => reset(),
        "provision" => provision(line),
        "act" => act(),
        "open" => open(),
        "deliver" => deliver(line),
        "state" => state(),
        "power_cut" => power_cut(),
        "stop" => Ok(String::new()),
        _ => return (format!(r#"{{"seq":{seq},"outcome":"unsupported"}}"#), false),
    };
    let said = match result {
        Ok(fields) => format!(r#""accepted"{fields}"#),
        Err(Fault::Errored(detail)) => format!(r#""errored","detail":"{detail}""#),
        Err(Fault::Refused(code, out)) => {
            let in_session = matches!(verb, "open" | "deliver");
            let told = if in_session { progress(out.as_deref(), "closed") } else { String::new() };
            format!(r#""rejected","code":"{code}"{told}"#)
        }
    };
    (format!(r#"{{"seq":{seq},"outcome":{said}}}"#), verb == "stop")
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let (response, last) = answer(&line);
        println!("{response}");
        io::stdout().flush()?;
        if last {
            break;
        }
        line.clear();
    }
    Ok(())
}
