// Package openmetrics keeps counters, gauges and histograms and shows them to
// Prometheus, in the OpenMetrics 1.0 text format or, to scrapers that do not ask
// for it, in Prometheus' own (0.0.4). It is here because the usual library brings
// eight modules and a protobuf run time along, a tenth of what the whole program
// takes to build, for what two pages of code do; its parser and its linter judge
// this package in the tests.
//
// A [Registry] makes families; a family has a value for each combination of the
// values of its labels, from the first time that it is touched on.
package openmetrics
