package aws

import (
	"strings"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// verbWords give the verb of a change by the first word of its name. A change
// whose word is not here is an update: AWS says that it changes something.
var verbWords = map[model.Verb]string{
	model.Create:  "Create Allocate Run Register Import Copy Restore Provision Purchase Request Upload Publish Generate Clone Replicate New Send Initiate Build Issue Launch",
	model.Delete:  "Delete Terminate Remove Deregister Release Purge Destroy Abort Discard Drop Forget",
	model.Enable:  "Enable Activate Start Resume Unsuspend",
	model.Disable: "Disable Deactivate Stop Suspend Pause Cancel Hibernate",
	model.Attach:  "Attach Associate Assign Add Join Connect Bind Link",
	model.Detach:  "Detach Disassociate Unassign Unlink Disconnect Unbind",
	model.Grant:   "Authorize Grant Share Allow",
	model.Revoke:  "Revoke Reject Deny Retire",
	model.Execute: "Execute Invoke Reboot Failover Exec Test",
	model.Scale:   "Scale",
}

// verbNames are the operations whose first word says something else.
var verbNames = map[string]model.Verb{
	"RunTask": model.Execute, "StartTask": model.Execute, "StartExecution": model.Execute, "StartSyncExecution": model.Execute,
	"SendSSHPublicKey": model.Execute, "SendSerialConsoleSSHPublicKey": model.Execute,
	"SendCommand": model.Execute, "StartSession": model.Execute, "StartBuild": model.Execute, "StartJobRun": model.Execute,
	"StartQueryExecution": model.Execute, "StartAutomationExecution": model.Execute, "SubmitJob": model.Execute,
	"SetDesiredCapacity": model.Scale, "UpdateDesiredCapacity": model.Scale, "ScheduleKeyDeletion": model.Delete, "CancelKeyDeletion": model.Enable,
	"LeaveOrganization": model.Delete, "PutObject": model.Create, "UploadPart": model.Create, "CompleteMultipartUpload": model.Create,
	"AddTags": model.Update, "AddTagsToResource": model.Update, "RemoveTags": model.Update, "RemoveTagsFromResource": model.Update,
	"CreateTags": model.Update, "DeleteTags": model.Update,
	"CreateRoute": model.Create, "RegisterTargets": model.Attach, "DeregisterTargets": model.Detach,
	"RegisterInstancesWithLoadBalancer": model.Attach, "DeregisterInstancesFromLoadBalancer": model.Detach,
	"ReceiveMessage": model.Update, "SendMessage": model.Execute, "SendMessageBatch": model.Execute, "Publish": model.Execute, "PublishBatch": model.Execute,
	"AbortMultipartUpload": model.Delete, "ExecuteChangeSet": model.Update, "CancelResourceRequest": model.Disable,
}

var firstWord = func() map[string]model.Verb {
	m := map[string]model.Verb{}
	for verb, words := range verbWords {
		for _, w := range strings.Fields(words) {
			m[w] = verb
		}
	}
	return m
}()

// verbOf says what an operation does, from the access level that AWS publishes
// (or a reviewed override) and the words of its name.
func verbOf(op *table.Operation) model.Verb {
	word, rest := cutWord(op.Name)
	if (word == "Batch" || word == "Admin" || word == "Bulk") && rest != "" {
		word, _ = cutWord(rest)
	}
	switch op.Access {
	case table.AccessList:
		return model.List
	case table.AccessRead:
		return model.Read
	case table.AccessReveal:
		return model.Reveal
	case table.AccessTagging:
		return model.Update
	case table.AccessPermissions:
		switch firstWord[word] {
		case model.Delete, model.Detach, model.Revoke, model.Disable:
			return model.Revoke
		}
		return model.Grant
	case table.AccessUnknown:
		if v, ok := nameVerb(op.Name, word); ok {
			return v
		}
		switch word {
		case "Update", "Put", "Modify", "Set":
			return model.Update
		}
		return model.Unknown
	}
	if v, ok := nameVerb(op.Name, word); ok {
		return v
	}
	return model.Update
}

func nameVerb(name, word string) (model.Verb, bool) {
	if v, ok := verbNames[name]; ok {
		return v, true
	}
	v, ok := firstWord[word]
	return v, ok
}

// cutWord cuts the first word off a camel-case name.
func cutWord(name string) (word, rest string) {
	for i := 1; i < len(name); i++ {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return name[:i], name[i:]
		}
	}
	return name, ""
}
