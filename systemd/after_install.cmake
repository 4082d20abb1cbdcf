# The part of an installation that is made on the spot: the debug file, the completions, which the
# installed program prints itself, and the unit, which names where the program is. install.cmake
# sets `objcopy`, `source`, `bin`, `lib` and `data`.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(program "${root}/${bin}/cutwater")

function(run_or_fail)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

set(debug "${root}/lib/debug${CMAKE_INSTALL_PREFIX}/${bin}/cutwater.debug")
get_filename_component(debug_folder "${debug}" DIRECTORY)
file(MAKE_DIRECTORY "${debug_folder}")
run_or_fail("${objcopy}" --only-keep-debug "${program}" "${debug}")
run_or_fail("${objcopy}" --strip-all "--add-gnu-debuglink=${debug}" "${program}")
message(STATUS "Installing: ${debug}")

foreach(pair bash:bash-completion/completions/cutwater zsh:zsh/site-functions/_cutwater
             fish:fish/vendor_completions.d/cutwater.fish)
  string(REPLACE ":" ";" pair "${pair}")
  list(GET pair 0 shell)
  list(GET pair 1 path)
  set(file "${root}/${data}/${path}")
  get_filename_component(folder "${file}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  execute_process(COMMAND "${program}" completion ${shell} OUTPUT_FILE "${file}"
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "`${program} completion ${shell}` failed")
  endif()
  message(STATUS "Installing: ${file}")
endforeach()

file(READ "${source}/systemd/cutwater.service" unit)
string(REPLACE "/usr/local/bin/cutwater" "${CMAKE_INSTALL_PREFIX}/${bin}/cutwater" unit "${unit}")
file(WRITE "${root}/lib/systemd/system/cutwater.service" "${unit}")
message(STATUS "Installing: ${root}/lib/systemd/system/cutwater.service")
