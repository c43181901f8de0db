# `cpack -G DEB` in a build directory: one package per part. The rules of each front end install its own programs; here are the files of the
# system that they live in.
include(GNUInstallDirs)
set(here ${CMAKE_CURRENT_LIST_DIR})

install(FILES ${here}/vmtraffic.toml DESTINATION /etc/vmtraffic COMPONENT common)
install(FILES ${here}/sysusers.conf DESTINATION lib/sysusers.d RENAME vmtraffic.conf COMPONENT common)
install(FILES ${here}/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME vmtraffic.conf COMPONENT common)
# The documents lie as they do in the sources, for they link to each other.
foreach(document README.md CONTRIBUTING.md CHANGELOG.md LICENSE packaging/vmtraffic.toml plugins/collectd/README.md plugins/nagios/README.md)
  get_filename_component(room ${document} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION share/doc/vmtraffic-common/${room} COMPONENT common)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION share/doc/vmtraffic-common COMPONENT common FILES_MATCHING PATTERN "*.md")
install(FILES ${here}/collectd.conf DESTINATION /etc/collectd/collectd.conf.d RENAME vmtraffic.conf COMPONENT collectd)
install(FILES ${here}/nrpe.cfg DESTINATION /etc/nagios/nrpe.d RENAME vmtraffic.cfg COMPONENT nagios)
install(FILES ${here}/nagios-commands.cfg DESTINATION /etc/nagios-plugins/config RENAME vmtraffic.cfg COMPONENT nagios)
install(FILES ${here}/icinga2.conf DESTINATION share/doc/vmtraffic-nagios/examples COMPONENT nagios)
install(FILES ${here}/snmpd.conf DESTINATION /etc/snmp/snmpd.conf.d RENAME vmtraffic.conf COMPONENT snmp)
install(FILES ${here}/systemd/vmtraffic-agentx.service DESTINATION /lib/systemd/system COMPONENT snmp)
install(FILES ${here}/systemd/vmtraffic-collect.service DESTINATION /lib/systemd/system COMPONENT collect)

# Debian wants the changelogs, compressed without a time stamp, and the licence in every package.
set(package_version ${PROJECT_VERSION}-1)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
set(debian_changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.Debian.gz)
file(CONFIGURE OUTPUT changelog.Debian @ONLY CONTENT "vmtraffic (@package_version@) unstable; urgency=medium

  * See changelog.gz.

 -- The vmtraffic authors <maintainers@vmtraffic.invalid>  Sun, 01 Nov 2026 00:00:00 +0000
")
add_custom_command(OUTPUT ${changelog} ${debian_changelog}
  COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md > ${changelog}
  COMMAND gzip -9nc ${CMAKE_CURRENT_BINARY_DIR}/changelog.Debian > ${debian_changelog}
  DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${CMAKE_CURRENT_BINARY_DIR}/changelog.Debian VERBATIM)
add_custom_target(vmtraffic_changelog ALL DEPENDS ${changelog})
foreach(component common collectd nagios snmp collect)
  install(FILES ${here}/deb/copyright ${changelog} ${debian_changelog} DESTINATION share/doc/vmtraffic-${component} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME vmtraffic)
set(CPACK_PACKAGE_VENDOR "The vmtraffic authors")
set(CPACK_PACKAGE_CONTACT "The vmtraffic authors <maintainers@vmtraffic.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL common collectd nagios snmp collect)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)

# vmtraffic_package(COMPONENT SUMMARY DESCRIPTION DEPENDS RECOMMENDS): what its control file says. `deb/COMPONENT` has its scripts.
function(vmtraffic_package component summary description depends recommends)
  string(TOUPPER ${component} key)
  file(GLOB control ${here}/deb/${component}/*)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME vmtraffic-${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${key}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${depends}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_RECOMMENDS "${recommends}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA "${control}" PARENT_SCOPE)
endfunction()

set(same "vmtraffic-common (= ${package_version})")
set(loaded "libvirt0")  # at run time (core/probes/libvirt_library.hpp): no linker tells dpkg-shlibdeps of it
set(wished "libndpi4.2")  # likewise (core/dpi/ndpi_library.hpp), by who wants applications told
vmtraffic_package(common "VM traffic monitoring: what all parts share"
  "User, directories, the configuration of the collector, and the documentation." "passwd" "")
vmtraffic_package(collectd "VM traffic monitoring: plugin for collectd"
  "Octets, packets, errors and drops of every vNIC of this host's virtual\nmachines, with no software in a guest." "${same}, collectd-core, ${loaded}" "collectd, ${wished}")
vmtraffic_package(nagios "VM traffic monitoring: checks for Nagios, Icinga and NRPE"
  "Checks of the rates, peers, latencies and losses of virtual machines, and of\nthe collector. One of the collectors must run on the host." "${same}, passwd" "nagios-nrpe-server")
vmtraffic_package(snmp "VM traffic monitoring: AgentX subagent for snmpd"
  "VM-MIB and VMTRAFFIC-MIB: the virtual machines of this host and the\ntraffic of each of their vNICs." "${same}, ${loaded}" "snmpd, ${wished}")
vmtraffic_package(collect "VM traffic monitoring: the collector alone"
  "Collects under a user of its own, for hosts whose monitoring daemons\nshall only read." "${same}, ${loaded}" "${wished}")
set(CPACK_DEBIAN_COMMON_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_COMMON_PACKAGE_ARCHITECTURE all)
include(CPack)
