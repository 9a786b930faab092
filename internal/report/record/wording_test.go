package record

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is wrong with a record is said in the record's words, and not at any length.
func TestWording(t *testing.T) {
	for text, want := range map[string]string{
		`{"port":-1}`:                          `"port" cannot be a number -1`,
		`{"port":[]}`:                          `"port" cannot be an array`,
		`{"causes":[{"probability":1e999}]}`:   `"causes.probability" cannot be a number 1e999`,
		`7`:                                    `it is a JSON number and no object`,
		`{"port":` + strings.Repeat("9", 1000): `unexpected end of JSON input`,
		`{"port":` + strings.Repeat("9", 1e3) + `}`: `"port" cannot be a number ` + strings.Repeat("9", 33) + "…",
		`{"addr":"10.0.0.256"}`:                     `"10.0.0.256" is no address`,
		`{"time":"noon"}`:                           `"noon" is no time: want one such as 2026-01-31T15:04:05Z`,
		`{"time":5}`:                                `input is not a JSON string`,
	} {
		var r struct {
			Port
			Causes []struct {
				Probability float64 `json:"probability"`
			} `json:"causes"`
		}
		err := json.Unmarshal([]byte(text), &r)
		if err == nil || Wording(err).Error() != want {
			t.Errorf("%.40s: %v, %q, want %q", text, err, Wording(err), want)
		}
	}
}

// A field is named also where it has a decoder of its own.
func TestFault(t *testing.T) {
	for text, want := range map[string]string{
		`{"addr":"10.0.0.256","port":1}`: `"addr": "10.0.0.256" is no address`,
		`{"port":1,"responder":"::g"}`:   `"responder": "::g" is no address`,
		`{"time":5}`:                     `"time": input is not a JSON string`,
		`{"rtt_ns":"fast"}`:              `"rtt_ns" cannot be a string`,
		`{"rtt_ns":[1]}`:                 `"rtt_ns" cannot be an array`,
		`{"port":-1}`:                    `"port" cannot be a number -1`,
		`{"findings":[{"code":7}]}`:      `"findings.code" cannot be a number`,
		`{"state":"ajar"}`:               `"state": `,
		`[]`:                             `it is a JSON array and no object`,
		`{"rtt_ns":1e99}`:                `"rtt_ns" cannot be a number 1e99`,
	} {
		p := new(Port)
		err := json.Unmarshal([]byte(text), p)
		if err == nil || !strings.HasPrefix(Fault([]byte(text), p, err).Error(), want) {
			t.Errorf("%s: %v, %q, want %q", text, err, Fault([]byte(text), p, err), want)
		}
	}
}
