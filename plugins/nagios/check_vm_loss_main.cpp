#include "plugins/nagios/check_vm_loss.hpp"

int main(int argc, char** argv) {
  using namespace vmtraffic::nagios;
  return check_process(kLossCheck, argc, argv, parse_loss_options, check_vm_loss);
}
