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
