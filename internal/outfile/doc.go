// Package outfile makes the files that a run writes, for a program that may be
// root in a directory that others may write to.
//
// [Claims] are made for every path of a command line before any file is opened:
// no output is an input, or another output, of the same run, under whatever
// name. Then [Open] opens a file without emptying it, or [Replace] writes one
// beside it and renames that over it, whole. Neither goes through a symbolic link
// that somebody else may have put there, nor onto somebody else's file in a
// directory that is shared; temporary names cannot be foreseen; and what is made
// belongs to the user who called sudo(8).
//
//	var claims outfile.Claims
//	claims.Input("targets.txt")
//	if err := claims.Output("scan.json"); err != nil {
//		return err // outfile.ErrClash
//	}
//	f, err := outfile.Open("scan.json", 0o644) // outfile.ErrUnsafe
//
// [Unread] tells of a pipe whose reader is gone, before anything is written.
//
// A directory is shared if others may write to it: by its mode, or because it is
// neither root's nor ours.
package outfile
