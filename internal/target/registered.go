package target

// registered are IANA's names (Service Name and Transport Protocol Port Number
// Registry) of ports that are better known by what really waits there, which
// [Service] tells. Programs that read the outputs of other scanners expect these.
var registered = map[uint16]string{
	82: "xfer", 222: "rsh-spx", 902: "ideafarm-door", 1514: "fujitsu-dtcns", 1880: "vsat-control", 2003: "brutus",
	2004: "mailbox", 2082: "infowave", 2083: "radsec", 2086: "gnunet", 2087: "eli", 2095: "nbx-ser", 2096: "nbx-dir",
	2181: "eforward", 2222: "EtherNet-IP-1", 2525: "ms-v-worlds", 3000: "hbci", 3100: "opcon-xps", 3128: "ndl-aas",
	3310: "dyna-access", 4040: "yo-main", 4443: "pharos", 4646: "dots-signal", 4848: "appserv-http", 5000: "commplex-main",
	5001: "commplex-link", 5005: "avt-profile-2", 5044: "lxi-evntsvc", 5223: "hpvirtgrp", 5433: "pyrrho", 5601: "esmagent",
	6443: "sun-sr-https", 8000: "irdmi", 8001: "vcom-tunnel", 8005: "mxi", 8006: "wpl-analytics", 8008: "http-alt",
	8020: "intu-ec-svcdisc", 8022: "oa-system", 8042: "fs-agent", 8081: "sunproxyadmin", 8082: "us-cli", 8086: "d-s-n",
	8090: "opsmessaging", 8091: "jamlink", 8161: "patrol-snmp", 8200: "trivnet1", 8300: "tmi", 8301: "amberon",
	8500: "fmtp", 8501: "cmtp-mgt", 8800: "sunwebadmin", 8888: "ddi-tcp-1", 9000: "cslistener", 9001: "etlservicemgr",
	9090: "websm", 9091: "xmltec-xmlmail", 9092: "XmlIpcRegSvc", 9093: "copycat", 9160: "apani1", 9200: "wap-wsp",
	9222: "teamcoherence", 9300: "vrace", 9443: "tungsten-https", 9990: "osm-appsrvr", 9997: "palace-6", 9999: "distinct",
	10000: "ndmp", 30000: "ndmps",
}

// Registered is IANA's name of a port, or, where none is registered, that of
// [Service].
func Registered(port uint16) string {
	if name, ok := registered[port]; ok {
		return name
	}
	return Service(port)
}
