package wire

// Served are the ports that hosts serve most commonly, from 1 on.
var Served = [...]uint16{443, 80, 22, 25, 445, 3389, 53, 8080, 21, 23, 110, 139, 143}
