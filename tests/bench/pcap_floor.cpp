// The least that a reader of recordings does: every packet through libpcap's hands, and a sum so that none is left out.
#include <pcap/pcap.h>

#include <cstdio>

int main(int argc, char** argv) {
  char complaint[PCAP_ERRBUF_SIZE];
  pcap_t* file = argc == 2 ? pcap_open_offline(argv[1], complaint) : nullptr;
  if (file == nullptr) return 1;
  pcap_pkthdr* header = nullptr;
  const u_char* octets = nullptr;
  unsigned long packets = 0, sum = 0;
  while (pcap_next_ex(file, &header, &octets) == 1) {
    ++packets;
    sum += header->caplen + octets[header->caplen - 1];
  }
  pcap_close(file);
  std::printf("%lu %lu\n", packets, sum);
}
