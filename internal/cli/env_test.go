package cli

// bareEnv is the environment of a command line that a test runs within its own process: empty, but for the garbage
// collector, which is set by whoever has the process. Hundreds of runs would each clear 32 MiB of memory for their
// own setting of it.
func bareEnv(name string) string {
	if name == "GOGC" {
		return "100"
	}
	return ""
}
