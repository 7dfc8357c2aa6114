package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	oteltrace "go.opentelemetry.io/otel/trace"

	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	cadvisor "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubelet/cri/remote"
	fakeremote "k8s.io/kubernetes/pkg/kubelet/cri/remote/fake"
	"k8s.io/kubernetes/pkg/kubemark"
)

// kubelet is what the launcher says. The kubemark command of this version would not do: it makes
// ten requests a second at most, and has no flag for more.
type kubelet struct {
	morph, name, kubeconfig string
	hostImageService        bool
	maxPods                 int
	qps                     float32
	burst                   int
	port, readOnlyPort      int
}

func newKubeletCommand() *cobra.Command {
	var k kubelet
	command := &cobra.Command{
		Use:  "kubemark",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return k.run() },
	}
	flags := command.Flags()
	flags.StringVar(&k.morph, "morph", "kubelet", "what to be: kubelet")
	flags.StringVar(&k.name, "name", "", "name of the node")
	flags.StringVar(&k.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.BoolVar(&k.hostImageService, "use-host-image-service", false, "only false is possible")
	flags.IntVar(&k.maxPods, "max-pods", 110, "how many pods the node takes")
	flags.Float32Var(&k.qps, "kube-api-qps", 500, "requests a second to the API server")
	flags.IntVar(&k.burst, "kube-api-burst", 1000, "requests at once to the API server")
	flags.IntVar(&k.port, "kubelet-port", 0, "port to listen on")
	flags.IntVar(&k.readOnlyPort, "kubelet-read-only-port", 0, "port to listen on for those who only read")
	return command
}

// run is the real kubelet over a fake container runtime; it returns only if it cannot start.
func (k *kubelet) run() error {
	if k.morph != "kubelet" || k.hostImageService {
		return fmt.Errorf("this kubemark is only a kubelet with a fake image service")
	}
	config, err := clientcmd.BuildConfigFromFlags("", k.kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.QPS, config.Burst = k.qps, k.burst
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	flags, settings := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{
		NodeName:            k.name,
		KubeletPort:         k.port,
		KubeletReadOnlyPort: k.readOnlyPort,
		MaxPods:             k.maxPods,
	})
	// The launcher looks for it in the log.
	klog.Infof("root folder: %s", flags.RootDirectory)

	// A heartbeat does not wait for its turn behind other requests.
	heartbeat := rest.CopyConfig(config)
	heartbeat.QPS = -1
	heartbeat.Timeout = min(settings.NodeStatusUpdateFrequency.Duration, time.Duration(settings.NodeLeaseDurationSeconds)*time.Second)
	heartbeatClient, err := clientset.NewForConfig(heartbeat)
	if err != nil {
		return err
	}

	endpoint, err := fakeremote.GenerateEndpoint()
	if err != nil {
		return err
	}
	containers := fakeremote.NewFakeRemoteRuntime()
	if err := containers.Start(endpoint); err != nil {
		return err
	}
	defer containers.Stop()
	runtime, err := remote.NewRemoteRuntimeService(endpoint, 15*time.Second, oteltrace.NewNoopTracerProvider())
	if err != nil {
		return err
	}
	kubemark.NewHollowKubelet(flags, settings, client, heartbeatClient, &cadvisor.Fake{NodeName: k.name},
		containers.ImageService, runtime, cm.NewStubContainerManager()).Run()
	return nil
}
