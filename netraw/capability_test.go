package netraw

import (
	"errors"
	"runtime"
	"testing"
)

func TestCapabilities(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range Capabilities() {
		t.Logf("%-18s ok %-5v %v", c.Name, c.OK, c.Err)
		if c.Name == "" || c.For == "" || c.Remedy == "" || seen[c.Name] {
			t.Errorf("%+v lacks a text or repeats a name", c)
		}
		if c.OK != (c.Err == nil) {
			t.Errorf("%s: OK is %v and Err %v", c.Name, c.OK, c.Err)
		}
		seen[c.Name] = true
	}
	if runtime.GOOS != "linux" && (len(seen) != 1 || !errors.Is(Capabilities()[0].Err, ErrUnsupportedOS)) {
		t.Error("another system than Linux has one capability missing: Linux")
	}
}

func TestClockText(t *testing.T) {
	for clock, want := range map[Clock]string{
		ClockNone: "none", ClockUser: "user", ClockKernelRx: "kernel-rx", ClockKernel: "kernel", ClockTCPInfo: "tcp-info", 9: "clock(9)",
	} {
		if got, err := clock.MarshalText(); string(got) != want || err != nil {
			t.Errorf("Clock(%d) = %q, %v; want %q", clock, got, err, want)
		}
	}
}
