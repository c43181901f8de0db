#include "plugins/nagios/check_vm_traffic.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic::nagios;
  return check_process(kTrafficCheck, argc, argv, parse_traffic_options, check_vm_traffic);
}
