vmtraffic_test(standalone_test
  SOURCES standalone_render_test.cpp standalone_options_test.cpp standalone_process_test.cpp standalone_replay_test.cpp
          standalone_capture_test.cpp
  LIBRARIES vmtraffic_standalone vmtraffic_core)
target_compile_definitions(standalone_test PRIVATE
  GOLDEN_DIRECTORY="${PROJECT_SOURCE_DIR}/tests/golden/standalone" VMTRAFFIC_COLLECT="$<TARGET_FILE:vmtraffic-collect>")
add_dependencies(standalone_test vmtraffic-collect)
