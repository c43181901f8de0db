# How the sources look, and which way their includes go.
add_test(NAME style.include_rules COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/include_rules)
add_test(NAME style.format COMMAND ${PROJECT_SOURCE_DIR}/tools/format --check)
add_test(NAME style.shell WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
  COMMAND bash -c "grep -lE '^#!/bin/(ba)?sh' tools/* .ci/run packaging/deb/*/* | xargs shellcheck")
add_test(NAME style.documentation COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/doc_rules ${PROJECT_BINARY_DIR})
add_test(NAME style.tools COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools_test.py)
