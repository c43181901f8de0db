// libvirt's C API, loaded when the first connection wants it and never unloaded. Not linked, because it brings some sixty libraries: a
// collector that listens to sFlow alone then needs none of them, and a replay spends a tenth of its time on them. No header for anybody
// but the two files that speak to libvirt.
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <optional>

#include "core/result.hpp"

// All of libvirt that is called: what is missing here does not compile there. virDomainFree and the like are called through it too.
// clang-format off: one a line
#define VMTRAFFIC_LIBVIRT_FUNCTIONS(f)                                                                                                    \
  f(virConnectClose) f(virConnectDomainEventDeregisterAny) f(virConnectDomainEventRegisterAny) f(virConnectGetAllDomainStats)             \
      f(virConnectGetType) f(virConnectGetVersion) f(virConnectIsAlive) f(virConnectListAllDomains) f(virConnectListAllNetworks)          \
          f(virConnectOpenReadOnly) f(virConnectRegisterCloseCallback) f(virConnectSetKeepAlive) f(virConnectUnregisterCloseCallback)     \
              f(virDomainFree) f(virDomainGetAutostart) f(virDomainGetID) f(virDomainGetInfo) f(virDomainGetName) f(virDomainGetState)    \
                  f(virDomainGetUUID) f(virDomainGetXMLDesc) f(virDomainInterfaceStats) f(virDomainIsActive) f(virDomainIsPersistent)     \
                      f(virDomainLookupByUUID) f(virDomainRef) f(virDomainStatsRecordListFree) f(virEventAddTimeout)                      \
                          f(virEventRegisterDefaultImpl) f(virEventRemoveTimeout) f(virEventRunDefaultImpl) f(virEventUpdateTimeout)      \
                              f(virGetLastError) f(virInitialize) f(virNetworkDHCPLeaseFree) f(virNetworkFree) f(virNetworkGetDHCPLeases) \
                                  f(virSetErrorFunc)
// clang-format on

namespace vmtraffic {

struct LibvirtLibrary {
// A name that is declared cannot be in parentheses. NOLINTNEXTLINE(bugprone-macro-parentheses)
#define VMTRAFFIC_DECLARE(name) decltype(&::name) name{nullptr};
  VMTRAFFIC_LIBVIRT_FUNCTIONS(VMTRAFFIC_DECLARE)
#undef VMTRAFFIC_DECLARE
};

// Loads it where that was not done. kMissing with what to do where it is not there; asked again, it is looked for again.
std::optional<Error> load_libvirt();

// To be called by what needs a loaded library to exist at all: connections and the event loop.
const LibvirtLibrary& libvirt();

}  // namespace vmtraffic
