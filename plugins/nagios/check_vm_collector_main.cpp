#include "plugins/nagios/check_vm_collector.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic::nagios;
  return check_process(kCollectorCheck, argc, argv, parse_collector_options, check_vm_collector);
}
