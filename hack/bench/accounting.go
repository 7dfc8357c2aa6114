package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is what all threads of a process, also those that ended, have run by the scheduler's own
// account. Its resolution is a nanosecond; /proc/PID/stat counts in ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	// The clock of another process: man 3 clock_getcpuclockid, and CPUCLOCK_SCHED in the kernel's
	// include/linux/posix-timers_types.h.
	clock := int32(^pid)<<3 | 2
	var at syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&at)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("the kernel does not tell the CPU time of process %d: %w", pid, errno)
	}
	return time.Duration(at.Nano()), nil
}

// memory is what a process has in memory now, and the most it ever had, in KiB.
func memory(pid int) (now, peak int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		switch name {
		case "VmRSS":
			now = kib
		case "VmHWM":
			peak = kib
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("the kernel does not tell the memory of process %d", pid)
	}
	return now, peak, nil
}
