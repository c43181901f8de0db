# One target that carries what every target of ours is compiled with.
add_library(vmtraffic_options INTERFACE)
target_compile_options(vmtraffic_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Wdouble-promotion
  # GCC 12 sees uninitialised members in every optional and variant that it inlines; the sanitizers' and valgrind's word counts instead.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<BOOL:${VMTRAFFIC_WERROR}>:-Werror>)
target_include_directories(vmtraffic_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(vmtraffic_options INTERFACE VMTRAFFIC_VERSION="${PROJECT_VERSION}")
if(VMTRAFFIC_SANITIZE)
  add_compile_options(-fsanitize=${VMTRAFFIC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VMTRAFFIC_SANITIZE})
endif()

# fmt: built into what is installed, since each shared library costs the checks start-up time; linked in debug builds, since compiling it into
# every source costs them half of their build's time.
add_library(vmtraffic_fmt INTERFACE)
target_link_libraries(vmtraffic_fmt INTERFACE $<IF:$<CONFIG:Debug>,fmt::fmt,fmt::fmt-header-only>)
