include(probes.cmake OPTIONAL)
vmtraffic_test(text_test SOURCES text_test.cpp LIBRARIES vmtraffic_snapshot)
