# Applications by nDPI: conversations made by hand, whole and cut, and ndpiReader's opinion of the same.
vmtraffic_test(dpi_test SOURCES dpi_detector_test.cpp LIBRARIES vmtraffic_dpi)
add_executable(dpi_dump dpi_dump.cpp)
target_link_libraries(dpi_dump PRIVATE vmtraffic_dpi)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME dpi.oracle COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/dpi_oracle_test.py $<TARGET_FILE:dpi_dump>)
set_tests_properties(dpi.oracle PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
