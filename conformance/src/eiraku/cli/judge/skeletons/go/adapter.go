// An adapter in Go without packages: it speaks the protocol and has no wallet behind it.
//
// Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

const supportedProtocol = 1

type fields map[string]any

// request has what this skeleton reads; add the other fields of a verb as you come to it.
type request struct {
	Seq      *int64 `json:"seq"`
	Verb     string `json:"verb"`
	Protocol struct {
		Min int `json:"min"`
		Max int `json:"max"`
	} `json:"protocol"`
	Purse struct {
		PrivateKey string `json:"private_key"`
	} `json:"purse"`
	Data string `json:"data"`
}

// refusal: the input is at fault, and the wallet knows why. code is a name of chapter 10 of the specification,
// out what the wallet answers its peer, nil for nothing.
type refusal struct {
	code string
	out  []byte
}

func (r refusal) Error() string { return r.code }

// progress is what the wallet wants to tell its peer, and whether the session is now open or closed.
func progress(out []byte, session string) fields {
	if out == nil {
		return fields{"out": nil, "session": session}
	}
	return fields{"out": hex.EncodeToString(out), "session": session}
}

// One function per verb. It returns the fields of an accepted response, or a refusal if the input is at fault;
// any other error is the wallet's own fault, and is answered errored.
var verbs = map[string]func(request) (fields, error){
	"start":     start,
	"reset":     reset,
	"provision": provision,
	"act":       act,
	"open":      open,
	"deliver":   deliver,
	"state":     state,
	"power_cut": powerCut,
	"stop":      stop,
}

func start(r request) (fields, error) {
	if r.Protocol.Min > supportedProtocol || r.Protocol.Max < supportedProtocol {
		return nil, fmt.Errorf("this adapter speaks protocol %d only", supportedProtocol)
	}
	// HERE: keep seed if the wallet can draw all its randomness from it; then declare "deterministic".
	return fields{
		"protocol": supportedProtocol,
		"name":     "Skeleton",
		"version":  "0",
		// Declare what works. All five are needed to certify; "suite-0" and "deterministic" are optional.
		"capabilities": []string{"initiator", "responder", "payer", "payee", "power-cut"},
		// HERE: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more.
		"room": fields{
			"capacity": 256, "max_bulletin": 65536, "max_record": 32768,
			"max_given": 1024, "max_credited": 1024, "max_seen": 4096,
		},
	}, nil
}

func reset(request) (fields, error) {
	// HERE: forget the purse, the money and the session.
	return fields{}, nil
}

func provision(r request) (fields, error) {
	if _, err := hex.DecodeString(r.Purse.PrivateKey); err != nil {
		return nil, err
	}
	// HERE: give the wallet its purse, anchor, policy, bulletin and holdings; refuse only what does not fit.
	return nil, refusal{code: "provision"}
}

func act(request) (fields, error) {
	// HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and
	// scheme-key are deliveries.
	return nil, refusal{code: "not-provisioned"}
}

func open(request) (fields, error) {
	// HERE: an initiator returns progress(message1, "open"), a responder progress(nil, "open").
	return nil, refusal{code: "not-provisioned"}
}

func deliver(r request) (fields, error) {
	if _, err := hex.DecodeString(r.Data); err != nil {
		return nil, err
	}
	// HERE: give the bytes to the wallet, and return progress(its answer, "open" or "closed").
	return nil, refusal{code: "unexpected-message"}
}

func state(request) (fields, error) {
	// HERE: read all of it from durable storage. The digest changes if and only if something else does.
	return fields{
		"balance": 0, "epoch": 0, "units": []any{}, "pending": []any{}, "credited": []any{}, "settled": []any{},
		"writes": 0, "digest": hex.EncodeToString(make([]byte, 32)),
	}, nil
}

func powerCut(request) (fields, error) {
	// HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
	// write-th durable write from now; the request it happens in is answered with the outcome power-cut. As
	// long as nothing is ever written, there is nothing to lose.
	return fields{}, nil
}

func stop(request) (fields, error) { return fields{}, nil }

// answer is the response to one line, whatever stands in it, and whether it is the last.
func answer(line []byte) (fields, bool) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil || r.Seq == nil {
		return fields{"seq": 0, "outcome": "errored", "detail": fmt.Sprintf("no request: %v", err)}, false
	}
	found := fields{"seq": *r.Seq, "outcome": "accepted"}
	verb, known := verbs[r.Verb]
	if !known {
		found["outcome"] = "unsupported"
		return found, false
	}
	result, err := verb(r)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		found["outcome"], found["code"] = "rejected", refused.code
		if r.Verb == "open" || r.Verb == "deliver" {
			result = progress(refused.out, "closed")
		}
	case err != nil:
		found["outcome"], found["detail"] = "errored", err.Error()
	}
	for name, value := range result {
		found[name] = value
	}
	return found, r.Verb == "stop"
}

func main() {
	reader, writer := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			response, last := answer(line)
			// Encode ends the line, and os.Stdout keeps nothing back.
			if writer.Encode(response) != nil || last {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				fmt.Fprintln(os.Stderr, err)
			}
			return
		}
	}
}
