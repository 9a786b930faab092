// Package kubernetes holds the manifest of a wide scan against the API's own types.
// It is a module of its own, so that these weigh on nobody's build.
package kubernetes

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const manifest = "../wide-kubernetes.yaml"

// read decodes both documents; a field that the API does not have is an error, and
// so is one that stands twice.
func read(t *testing.T) (claim corev1.PersistentVolumeClaim, job batchv1.Job) {
	t.Helper()
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	documents := bytes.Split(b, []byte("\n---\n"))
	if len(documents) != 2 {
		t.Fatalf("%d documents, want a claim and a job", len(documents))
	}
	for i, into := range []any{&claim, &job} {
		if err := yaml.UnmarshalStrict(documents[i], into); err != nil {
			t.Fatal(err)
		}
	}
	return claim, job
}

func TestManifest(t *testing.T) {
	claim, job := read(t)
	if claim.TypeMeta != (metav1.TypeMeta{Kind: "PersistentVolumeClaim", APIVersion: "v1"}) ||
		job.TypeMeta != (metav1.TypeMeta{Kind: "Job", APIVersion: "batch/v1"}) {
		t.Errorf("%+v, %+v", claim.TypeMeta, job.TypeMeta)
	}
	if got := claim.Spec.Resources.Requests.Storage().Cmp(resource.MustParse("1Gi")); got < 0 {
		t.Error("hardly any room for results")
	}
	spec := job.Spec
	if spec.CompletionMode == nil || *spec.CompletionMode != batchv1.IndexedCompletion || spec.Completions == nil || spec.Parallelism == nil {
		t.Fatal("not an indexed job")
	}
	if *spec.PodReplacementPolicy != batchv1.Failed || spec.BackoffLimitPerIndex == nil || spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Error("two pods of one index could run at once, or a dead one would not be begun again")
	}
	checkContainer(t, &spec, &spec.Template.Spec.Containers[0])
	checkVolumes(t, &claim, &spec.Template.Spec)
}

// checkContainer: shards and completions are one number, the index is told, and the
// capabilities are those that probing takes.
func checkContainer(t *testing.T, spec *batchv1.JobSpec, c *corev1.Container) {
	t.Helper()
	env := map[string]corev1.EnvVar{}
	for _, e := range c.Env {
		env[e.Name] = e
	}
	if env["SYNSCOPE_SHARDS"].Value != strconv.Itoa(int(*spec.Completions)) {
		t.Errorf("%s shards, %d completions", env["SYNSCOPE_SHARDS"].Value, *spec.Completions)
	}
	index := env["JOB_COMPLETION_INDEX"].ValueFrom
	if index == nil || index.FieldRef.FieldPath != "metadata.annotations['"+batchv1.JobCompletionIndexAnnotation+"']" {
		t.Errorf("the index comes from %+v", index)
	}
	for _, want := range []string{"--stateless", "--shard=auto", "--resume=/results/shard-$(JOB_COMPLETION_INDEX).checkpoint"} {
		if !slices.Contains(c.Args, want) {
			t.Errorf("%v: no %s", c.Args, want)
		}
	}
	if !slices.ContainsFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, "--seed=") }) {
		t.Error("no seed: each shard would have an order of its own")
	}
	caps := c.SecurityContext.Capabilities
	if !slices.Equal(caps.Drop, []corev1.Capability{"ALL"}) || !slices.Equal(caps.Add, []corev1.Capability{"NET_RAW", "NET_ADMIN"}) {
		t.Errorf("%+v", caps)
	}
}

// checkVolumes: what is mounted is there, and what the arguments name is mounted.
func checkVolumes(t *testing.T, claim *corev1.PersistentVolumeClaim, pod *corev1.PodSpec) {
	t.Helper()
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if _, there := volumes[m.Name]; !there {
			t.Errorf("%s is mounted and not there", m.Name)
		}
	}
	if got := volumes["results"].PersistentVolumeClaim; got == nil || got.ClaimName != claim.Name {
		t.Errorf("results go to %+v, claimed is %s", got, claim.Name)
	}
}
