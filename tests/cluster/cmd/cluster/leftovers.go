package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// The hollow kubelet makes its root folder and the socket of its fake runtime in /tmp,
// whatever TMPDIR says, and leaves both behind.
var (
	kubeletRoot    = regexp.MustCompile(`/tmp/hollow-kubelet\.[0-9]+`)
	kubeletSockets = "/tmp/kubelet_remote_*.sock"
)

// kubeletRootOf is the root folder of the kubelet of the cluster in dir, or empty.
func kubeletRootOf(dir string) string {
	log, err := os.Open(filepath.Join(dir, "logs", "kubemark.log"))
	if err != nil {
		return ""
	}
	defer log.Close()
	// Its log is the only place that names the folder, in one of the first lines.
	head, _ := io.ReadAll(io.LimitReader(log, 64<<10))
	return string(kubeletRoot.Find(head))
}

// removeLeftovers is for a cluster in dir whose programs have ended.
func removeLeftovers(dir string) {
	if root := kubeletRootOf(dir); root != "" && isOwn(root) {
		_ = os.RemoveAll(root)
	}
	sockets, _ := filepath.Glob(kubeletSockets)
	for _, socket := range sockets {
		// Refused means that nobody listens, so it is of no use to anybody any more.
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) && isOwn(socket) {
			_ = os.Remove(socket)
		}
	}
}

// isOwn is asked before something is removed in a folder where everybody may make files.
func isOwn(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
