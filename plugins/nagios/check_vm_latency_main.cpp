#include "plugins/nagios/check_vm_latency.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic::nagios;
  return check_process(kLatencyCheck, argc, argv, parse_latency_options, check_vm_latency);
}
