package cli

import (
	"io"
	"os"

	"synscope/internal/privilege"
	"synscope/netraw"
)

// keeperWord is the command line of a process that keeps one privilege for another
// process: to change the neighbour table, which makes a run on the link quick. It reads
// no packet and opens no file.
const keeperWord = "keep-neighbours"

// netAdmin is CAP_NET_ADMIN as one bit, capabilities(7).
const netAdmin = 1 << 12

// neighbourKeeper starts such a process, before this one gives up its rights. Where
// none are given up, or that right was never there, or no process can be started,
// the table is nil: this process then does what it may itself.
func neighbourKeeper(s Streams) (table netraw.NeighbourTable, end func()) {
	if s.Confine == nil {
		return nil, func() {}
	}
	conn, err := startKeeper(keeperWord)
	if err != nil {
		return nil, func() {}
	}
	return netraw.RemoteNeighbourTable(conn), func() { conn.Close() }
}

// keepNeighbours is that process. It ends with the one that started it.
func keepNeighbours() int {
	conn := os.NewFile(keeperFile, "the process that started this one")
	if conn == nil {
		return exitUsage
	}
	table, err := netraw.OpenNeighbourTable()
	if err != nil {
		return exitUnable
	}
	if _, err := privilege.Drop(privilege.Config{Keep: netAdmin}); err != nil {
		return exitUnable
	}
	if err := netraw.KeepNeighbours(io.ReadWriter(conn), table); err != nil {
		return exitUnable
	}
	return exitYes
}

// keeperFile is the file descriptor of the socket to the process that started it:
// the first behind the standard ones.
const keeperFile = 3
