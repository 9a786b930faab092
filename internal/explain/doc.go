// Package explain holds what each word of the records means: findings, reasons,
// classes of sequence numbers, rejections, doubts, endings and states. One table
// is behind `synscope explain`, the documentation (docs/words.md) and whatever
// else explains a word to people. A test reads the source of the packages that
// emit words and fails for one that is not here.
package explain
