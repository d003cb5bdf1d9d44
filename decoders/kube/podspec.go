package kube

// podSpec finds the pod's spec in what runs pods, and says where it was.
func podSpec(group, kind string, object map[string]any) (map[string]any, string) {
	spec := dict(object, "spec")
	switch groupName(group) + "/" + kind {
	case "core/Pod":
		return spec, "spec"
	case "apps/Deployment", "apps/ReplicaSet", "apps/StatefulSet", "apps/DaemonSet", "batch/Job", "core/ReplicationController":
		return dict(dict(spec, "template"), "spec"), "spec.template.spec"
	case "core/PodTemplate":
		return dict(dict(object, "template"), "spec"), "template.spec"
	case "batch/CronJob":
		job := dict(dict(spec, "jobTemplate"), "spec")
		return dict(dict(job, "template"), "spec"), "spec.jobTemplate.spec.template.spec"
	}
	return nil, ""
}

// pod adds what a pod cannot start, or run, without.
func (e *edges) pod(spec map[string]any, path string) {
	ns := e.namespace
	account := text(spec, "serviceAccountName")
	e.named("", "ServiceAccount", ns, account, path+".serviceAccountName")
	e.named("", "Node", "", text(spec, "nodeName"), path+".nodeName")
	e.named("scheduling.k8s.io", "PriorityClass", "", text(spec, "priorityClassName"), path+".priorityClassName")
	e.named("node.k8s.io", "RuntimeClass", "", text(spec, "runtimeClassName"), path+".runtimeClassName")
	for _, s := range list(spec, "imagePullSecrets") {
		e.named("", "Secret", ns, text(s, "name"), path+".imagePullSecrets")
	}
	for _, v := range list(spec, "volumes") {
		e.volume(v, path+".volumes")
	}
	for _, kind := range []string{"containers", "initContainers", "ephemeralContainers"} {
		for _, c := range list(spec, kind) {
			e.environment(c, path+"."+kind)
		}
	}
}

func (e *edges) volume(v map[string]any, path string) {
	ns := e.namespace
	e.named("", "Secret", ns, text(dict(v, "secret"), "secretName"), path+".secret")
	e.named("", "ConfigMap", ns, text(dict(v, "configMap"), "name"), path+".configMap")
	e.named("", "PersistentVolumeClaim", ns, text(dict(v, "persistentVolumeClaim"), "claimName"), path+".persistentVolumeClaim")
	for _, source := range list(dict(v, "projected"), "sources") {
		e.named("", "Secret", ns, text(dict(source, "secret"), "name"), path+".projected.secret")
		e.named("", "ConfigMap", ns, text(dict(source, "configMap"), "name"), path+".projected.configMap")
	}
}

func (e *edges) environment(container map[string]any, path string) {
	ns := e.namespace
	for _, from := range list(container, "envFrom") {
		e.named("", "Secret", ns, text(dict(from, "secretRef"), "name"), path+".envFrom")
		e.named("", "ConfigMap", ns, text(dict(from, "configMapRef"), "name"), path+".envFrom")
	}
	for _, env := range list(container, "env") {
		from := dict(env, "valueFrom")
		e.named("", "Secret", ns, text(dict(from, "secretKeyRef"), "name"), path+".env")
		e.named("", "ConfigMap", ns, text(dict(from, "configMapKeyRef"), "name"), path+".env")
	}
}
