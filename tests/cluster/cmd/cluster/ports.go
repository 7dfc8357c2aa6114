package main

import (
	"fmt"
	"syscall"
)

// port is a TCP port on 127.0.0.1 that is kept for one child as long as this process lives.
type port struct{ number int }

func (p port) http() string { return fmt.Sprintf("http://127.0.0.1:%d", p.number) }

// The same on every Linux machine that Go runs on but mips, and missing in package syscall.
const soReusePort = 0xf

// reservePort binds a port and never listens on it: nobody else gets it meanwhile, while the
// child, told to share its port, can listen there. A port looked up and given free again
// may be somebody's outgoing connection by the time the child wants it.
func reservePort() (port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return port{}, err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soReusePort, 1); err != nil {
		return port{}, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return port{}, err
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		return port{}, err
	}
	return port{number: address.(*syscall.SockaddrInet4).Port}, nil
}
