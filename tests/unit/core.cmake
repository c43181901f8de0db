include(probes.cmake OPTIONAL)
vmtraffic_test(text_test SOURCES text_test.cpp LIBRARIES vmtraffic_snapshot)
vmtraffic_test(core_test
  SOURCES counter_delta_test.cpp windows_test.cpp event_ring_test.cpp ledger_test.cpp config_test.cpp snapshot_test.cpp snapshot_file_test.cpp
  LIBRARIES vmtraffic_core)
