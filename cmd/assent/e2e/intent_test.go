package e2e

// shopIntent declares one account, and an agent that may make report buckets,
// change firewalls, write table items and delete idle instances.
const shopIntent = `
apiVersion: assent.dev/v1
kind: Environment
metadata: {name: shop}
spec:
  tier: production
  scope:
    - {aws: {accounts: ["123456789012"], regions: [us-east-1]}}
---
apiVersion: assent.dev/v1
kind: Owner
metadata: {name: platform}
spec:
  accountable: human:ines@shop.example
  contact: {slack: "#platform"}
  owns:
    - {aws: {account: "123456789012"}}
---
apiVersion: assent.dev/v1
kind: Actor
metadata: {name: deploy-agent}
spec:
  kind: agent
  identify: [{run: deploy-agent}]
  owner: platform
---
apiVersion: assent.dev/v1
kind: Intent
metadata: {name: chores, owner: platform}
spec:
  purpose: What the deployment agent is for.
  allow:
    - id: report-buckets
      who: [deploy-agent]
      may: [create, update]
      what: {capability: [storage.bucket], resource: ["arn:aws:s3:::acme-reports*"]}
      in: [shop]
    - id: tables
      who: [deploy-agent]
      may: [create, update]
      what: {capability: [database.keyvalue]}
      in: [shop]
    - id: idle-machines
      who: [deploy-agent]
      may: [delete]
      what: {capability: [compute.instance]}
      in: [shop]
      limits: {dependents: 0}
`
