/* A host whose TCP is lwIP's, at the far end of the tap device named by PRECONFIGURED_TAPIF: listens on port 80 of 10.81.0.2. */
#include <string.h>
#include <lwip/tcpip.h>
#include <lwip/netif.h>
#include <lwip/sockets.h>

err_t tapif_init(struct netif *netif);

int main(void)
{
	struct netif netif;
	ip4_addr_t addr, mask, gw;
	struct sockaddr_in at;
	int s, c;

	IP4_ADDR(&addr, 10, 81, 0, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gw, 10, 81, 0, 1);
	tcpip_init(NULL, NULL);
	LOCK_TCPIP_CORE();
	netif_add(&netif, &addr, &mask, &gw, NULL, tapif_init, tcpip_input);
	netif_set_default(&netif);
	netif_set_link_up(&netif);
	netif_set_up(&netif);
	UNLOCK_TCPIP_CORE();
	memset(&at, 0, sizeof at);
	at.sin_family = AF_INET;
	at.sin_port = lwip_htons(80);
	s = lwip_socket(AF_INET, SOCK_STREAM, 0);
	if (lwip_bind(s, (struct sockaddr *)&at, sizeof at) || lwip_listen(s, 16))
		return 1;
	for (;;)
		if ((c = lwip_accept(s, NULL, NULL)) >= 0)
			lwip_close(c);
}
