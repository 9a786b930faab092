package target_test

import (
	"context"
	"fmt"

	"synscope/internal/target"
)

func ExampleParse() {
	ports, _ := target.ParsePorts("ssh,8000-8001")
	set, err := target.Parse(context.Background(), []string{"192.0.2.0/30", "[2001:db8::1]:443"}, target.Options{
		Ports:   ports,
		Exclude: []string{"192.0.2.0", "192.0.2.2-3"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for pair := range set.Ordered() {
		fmt.Println(pair, "for", set.Name(pair.Addr()))
	}
	// Output:
	// 192.0.2.1:22 for 192.0.2.0/30
	// 192.0.2.1:8000 for 192.0.2.0/30
	// 192.0.2.1:8001 for 192.0.2.0/30
	// [2001:db8::1]:443 for [2001:db8::1]:443
}

func ExampleParse_error() {
	_, err := target.Parse(context.Background(), []string{"192.0.2.300"}, target.Options{})
	fmt.Println(err)
	// Output: target "192.0.2.300": octet 4: 300 is above 255
}

func ExampleSet_Shard() {
	set, _ := target.Parse(context.Background(), []string{"192.0.2.0-9"}, target.Options{Ports: target.PortsOf(80)})
	for index := range uint64(3) {
		fmt.Print("shard ", index, ":")
		for pair := range set.Shard(42, index, 3) {
			fmt.Print(" ", pair.Addr())
		}
		fmt.Println()
	}
	// Output:
	// shard 0: 192.0.2.0 192.0.2.3 192.0.2.1 192.0.2.2
	// shard 1: 192.0.2.4 192.0.2.7 192.0.2.9
	// shard 2: 192.0.2.5 192.0.2.6 192.0.2.8
}
