// Package plot draws what a run measured: round-trip times ([RTT]) and sequence
// numbers ([ISN]). Both are made of panels of the package picture, whose axes end
// where the data ends; what was lost is shown as lost, beside the values and not
// among them.
package plot
