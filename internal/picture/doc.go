// Package picture draws charts as SVG and PNG, with what it needs on board: the
// outlines of one sans-serif font and a way to fill shapes.
//
// The life of a picture: [New] makes an empty one, a [Panel] puts axes, legend
// and layers into a [Rect] of it, as a list of strokes, fills and words, and
// [Picture.WriteFile] writes that list in the format of the file's ending. Both
// formats have the same layout, since words are measured by the same font, and
// with room for wider ones that an SVG may be shown in.
package picture
