# Applications by nDPI: conversations made by hand, whole and cut.
vmtraffic_test(dpi_test SOURCES dpi_detector_test.cpp LIBRARIES vmtraffic_dpi)
