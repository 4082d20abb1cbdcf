# What `cmake --install BUILD [--prefix /usr]` puts in place. The debug information goes into a file
# of its own, which gdb finds by itself; the program itself is stripped.
include(GNUInstallDirs)

install(TARGETS cutwater RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES config/schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/cutwater)
install(DIRECTORY config/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES CHANGELOG.md README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES control/cli/cutwater.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

find_program(OBJCOPY_PROGRAM NAMES ${CMAKE_OBJCOPY} objcopy)
set(INSTALL_NAMES "
  set(objcopy \"${OBJCOPY_PROGRAM}\")
  set(source \"${CMAKE_SOURCE_DIR}\")
  set(bin \"${CMAKE_INSTALL_BINDIR}\")
  set(lib \"${CMAKE_INSTALL_LIBDIR}\")
  set(data \"${CMAKE_INSTALL_DATADIR}\")")
install(CODE "${INSTALL_NAMES}")
install(SCRIPT systemd/after_install.cmake)
