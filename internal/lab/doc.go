// Package lab builds private test networks out of network namespaces: a
// prober's namespace, hosts with real kernel stacks on the far side of veth
// pairs, firewalls, routers, and links with a set delay and loss.
//
// The life of one lab:
//
//  1. [Main] (tests) or [Enter] (the demo) executes the running binary again
//     inside a fresh network namespace. That namespace is the prober's; nothing
//     in it reaches the machine's own network, and the kernel removes all of it
//     when the process ends, however it ends.
//  2. [New] makes one namespace per host of the [Spec], joins each to the
//     prober's with a veth pair, directly or through routers and a [Wire], and
//     starts its services and firewall.
//  3. The caller probes [Host.Addr4], [Host.Addr6] with ordinary or raw sockets
//     and may act on the far side through [Host.Do] and [Host.Listen].
//  4. [Lab.Close] stops the servers and removes interfaces and namespaces.
//
// Everything is done in-process through rtnetlink, nf_tables and /proc/sys/net;
// no ip, nft or sysctl binary has to be installed. Root uses a plain network
// namespace, an ordinary user a user namespace around it.
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
//	func TestRefused(t *testing.T) {
//		lab.Require(t)
//		l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "web"}}})
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer l.Close()
//		_, err = net.Dial("tcp", netip.AddrPortFrom(l.Host("web").Addr4(), 81).String())
//		// errors.Is(err, syscall.ECONNREFUSED)
//	}
//
// The package needs Linux; elsewhere it is empty.
package lab
