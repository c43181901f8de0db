#include "plugins/nagios/check_vm_talkers.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic::nagios;
  return check_process(kTalkersCheck, argc, argv, parse_talkers_options, check_vm_talkers);
}
